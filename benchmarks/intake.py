"""The intake against a route that does nothing, under one uvicorn configuration, in one run.

    python -m benchmarks.intake [--rounds 20] [--seconds 1]

Two servers, of one process each (uvloop, httptools), take turns under the same load: 4 KB events,
signed, 32 connections, one request at a time on each. PostgreSQL keeps its durable defaults. Turns
are short and many, because a shared machine is faster in one second than in the next.
Prints one JSON line: medians over the rounds, and the ratios that are to be met.
"""

import argparse
import asyncio
import json
import re
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from persistence.database import migrate_now
from tests.harness.postgres import durable_server
from tests.harness.webhooks import PATH, signature

CONNECTIONS = 32
BODY = 4096
WARM_UP_S = 1.0

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")

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


class Sender(asyncio.Protocol):
    """One connection, one request at a time, until `prepared` or the time is used up.

    A protocol and no stream: whatever the load generator takes, the servers do not get.
    """

    def __init__(self, prepared: Iterator[bytes], until: float, times: list[float]) -> None:
        self._prepared, self._until, self._times = prepared, until, times
        self._answer = b""
        self._sent_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        if self._sent_at < self._until and (request := next(self._prepared, None)) is not None:
            self._transport.write(request)
        else:
            self.ended.set_result(None)
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, ended, body = self._answer.partition(b"\r\n\r\n")
        if not ended or len(body) < int(_LENGTH.findall(head)[0]):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._fail(f"not accepted: {head[:60]!r}")
            return
        self._answer = b""
        self._times.append(time.perf_counter() - self._sent_at)
        self._send()

    def connection_lost(self, _fault: Exception | None) -> None:
        self._fail("the server closed a connection")

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(reason))


async def load(port: int, seconds: float) -> Result:
    """Requests are made before the clock runs, so that making them costs the server nothing.

    A machine that uses them up ends early, and is measured up to there.
    """
    run = secrets.token_hex(4)
    prepared = iter([request(number, run) for number in range(int(seconds * 40_000))])
    times: list[float] = []
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(
            lambda: Sender(prepared, began + seconds, times), "127.0.0.1", port
        )
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(sender.ended for _, sender in opened))
    took = time.perf_counter() - began
    times.sort()
    return Result(
        rps=len(times) / took,
        p50=times[len(times) // 2] * 1000,
        p99=times[int(len(times) * 0.99)] * 1000,
    )


@dataclass(frozen=True)
class Serving:
    port: int
    pid: int


@asynccontextmanager
async def server(kind: str, dsn: str) -> AsyncIterator[Serving]:
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
        yield Serving(int(json.loads(ready)["port"]), process.pid)
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
    async with server("nothing", dsn) as idle, server("intake", dsn) as ours:
        for each in (idle, ours):
            await loaded(each.port, WARM_UP_S)
        for _ in range(rounds):
            nothing.append(await loaded(idle.port, seconds))
            intake.append(await loaded(ours.port, seconds))
    pairs = list(zip(intake, nothing, strict=True))
    ratio = statistics.median(kept.rps / theirs.rps for kept, theirs in pairs)
    times = statistics.median(kept.p99 / theirs.p99 for kept, theirs in pairs)
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
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1)
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
