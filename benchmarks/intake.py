"""The intake against a route that does nothing, under one uvicorn configuration, in one run.

    python -m benchmarks.intake [--rounds 5] [--seconds 4]

Two servers, of one process each (uvloop, httptools), take turns under the same load: 4 KB events,
signed, 32 connections, one request at a time on each. PostgreSQL keeps its durable defaults.
Prints one JSON line: medians over the rounds, and the ratios that are to be met.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import uvloop

from persistence.database import migrate_now
from tests.harness.postgres import durable_server
from tests.harness.webhooks import PATH, signature

CONNECTIONS = 32
BODY = 4096
WARM_UP_S = 1.0

#: At least this part of the throughput, and at most so many times the p99, of doing nothing.
LEAST_RATIO, MOST_TIMES = 0.35, 8.0


@dataclass(frozen=True)
class Result:
    """Requests per second; milliseconds at the 50th and 99th percentile."""

    rps: float
    p50: float
    p99: float


def request(number: int, run: str) -> bytes:
    """A whole HTTP request with an event that has not been sent before."""
    head = b'{"id":"evt_%s_%d","object":"event","type":"customer.subscription.updated","pad":"' % (
        run.encode(),
        number,
    )
    body = head + b"x" * (BODY - len(head) - 2) + b'"}'
    return (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nstripe-signature: {signature(body)}\r\n\r\n"
    ).encode() + body


async def load(port: int, seconds: float) -> Result:
    """Requests are made before the clock runs, so that making them costs the server nothing.

    A machine that uses them up ends early, and is measured up to there.
    """
    run = secrets.token_hex(4)
    wanted = int(seconds * 24_000)
    prepared = iter([request(number, run) for number in range(wanted)])
    times: list[float] = []
    began = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (now := time.perf_counter()) - began < seconds:
            if (sent := next(prepared, None)) is None:
                break
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(f"not accepted: {head[:60]!r}")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - now)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    took = time.perf_counter() - began
    times.sort()
    return Result(
        rps=len(times) / took,
        p50=times[len(times) // 2] * 1000,
        p99=times[int(len(times) * 0.99)] * 1000,
    )


@asynccontextmanager
async def server(kind: str, dsn: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.intake_server", kind, dsn),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe to the server")
        async with asyncio.timeout(20):
            ready = await process.stdout.readline()
        yield int(json.loads(ready)["port"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def loaded(port: int, seconds: float) -> Result:
    """From a process of its own, so that the load generator is no part of any measurement."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "benchmarks.intake",
            "--load",
            str(port),
            "--seconds",
            str(seconds),
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the load generator failed")
    return Result(**json.loads(output))


async def compare(dsn: str, rounds: int, seconds: float) -> dict[str, object]:
    nothing: list[Result] = []
    intake: list[Result] = []
    async with server("nothing", dsn) as idle_port, server("intake", dsn) as intake_port:
        for port in (idle_port, intake_port):
            await loaded(port, WARM_UP_S)
        for _ in range(rounds):
            nothing.append(await loaded(idle_port, seconds))
            intake.append(await loaded(intake_port, seconds))
    pairs = list(zip(intake, nothing, strict=True))
    ratio = statistics.median(ours.rps / theirs.rps for ours, theirs in pairs)
    times = statistics.median(ours.p99 / theirs.p99 for ours, theirs in pairs)
    return {
        "nothing": asdict(_median(nothing)),
        "intake": asdict(_median(intake)),
        "throughput_ratio": round(ratio, 3),
        "p99_times": round(times, 2),
        "met": ratio >= LEAST_RATIO and times <= MOST_TIMES,
    }


def _median(results: list[Result]) -> Result:
    return Result(
        rps=round(statistics.median(result.rps for result in results)),
        p50=round(statistics.median(result.p50 for result in results), 2),
        p99=round(statistics.median(result.p99 for result in results), 2),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--load", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        print(json.dumps(asdict(uvloop.run(load(arguments.load, arguments.seconds)))))
        return 0
    with durable_server() as postgres:
        postgres.execute("create database bench")
        dsn = postgres.dsn("bench")
        migrate_now(dsn)
        result = asyncio.run(compare(dsn, arguments.rounds, arguments.seconds))
    print(json.dumps(result))
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
