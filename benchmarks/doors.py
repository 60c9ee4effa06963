"""What a client that nobody knows can take from others: heads that never end, and a flood of
requests with guessed keys and forged webhooks.

    python -m benchmarks.doors [--rounds 10] [--asked 300]

One API process (uvloop, httptools). `/healthz` is asked over a connection of its own, in turns:
alone; beside a client that opens a connection, sends a header that never ends, and begins again
when it is cut off; beside four that send guessed keys, or webhooks signed with a guessed secret, as
fast as they are answered. Prints limits: how much of a head, and for how long, could be sent; how
long the others waited; how much memory it cost.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import psutil

from benchmarks.intake import server
from benchmarks.limits import Limit, told
from persistence.database import migrate_now
from tests.harness.postgres import durable_server
from tests.harness.webhooks import PATH, signature

_HEAD = b"GET / HTTP/1.1\r\nhost: x\r\nx-long: "
_PIECE = b"x" * 4096
_GUESSED = b"GET /v1/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tu_guessed\r\n\r\n"
_FORGED = (
    f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
    f"stripe-signature: {signature(b'{}', secret='guessed')}\r\n\r\n{{}}"
).encode()
_ASK = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


async def endless(port: int, taken: Callable[[], Awaitable[object]]) -> int:
    """The bytes that were sent until it was cut off, each piece once the last was `taken`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = len(_PIECE)
    writer.write(_HEAD)
    over = asyncio.create_task(reader.read())
    try:
        with contextlib.suppress(ConnectionError):
            while not over.done():
                writer.write(_PIECE)
                await writer.drain()
                sent += len(_PIECE)
                await taken()
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await over
    return sent


async def dribbled(port: int) -> float:
    """Seconds until a head of a byte now and then is cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(_HEAD)
    over = asyncio.create_task(reader.read())
    while not over.done():
        with contextlib.suppress(ConnectionError):
            writer.write(b"x")
            await writer.drain()
        await asyncio.wait([over], timeout=0.1)
    writer.transport.abort()
    return time.perf_counter() - began


async def flood(port: int, request: bytes, answers: Counter[bytes]) -> None:
    """The same request as fast as it is answered, until it is cancelled; each is counted."""
    while True:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answers[(await reader.readuntil(b"\r\n"))[9:12]] += 1
            writer.transport.abort()


async def asked(port: int, times: int) -> float:
    """The 99th percentile of so many requests for `/healthz`, in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(_ASK)
        if not (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200"):
            raise RuntimeError("/healthz did not answer 200")
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.001)
    writer.close()
    return sorted(took)[int(len(took) * 0.99)]


async def beside(port: int, times: int, *fiends: Coroutine[Any, Any, None]) -> float:
    """The same while these go on."""
    tasks = [asyncio.create_task(fiend) for fiend in fiends]
    try:
        return await asked(port, times)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measured(dsn: str, rounds: int, times: int) -> list[Limit]:
    answers: Counter[bytes] = Counter()
    async with server("api", dsn) as served:

        async def heads() -> None:
            while True:
                await endless(served.port, lambda: asyncio.sleep(0.0005))

        async def answered() -> None:
            # The bound is on what the server takes, and a busy one takes much in one go.
            await asked(served.port, 1)

        memory = psutil.Process(served.pid).memory_info
        await asked(served.port, times)
        before, most, by_heads, by_floods = memory().rss, 0, [], []
        for _ in range(rounds):
            idle = await asked(served.port, times)
            by_heads.append(await beside(served.port, times, heads()) / idle)
            floods = [flood(served.port, each, answers) for each in (_GUESSED, _FORGED) * 2]
            by_floods.append(await beside(served.port, times, *floods) / idle)
            most = max(most, memory().rss)
        seconds = await dribbled(served.port)
        sent = [await endless(served.port, answered) for _ in range(rounds)]
    told = {name.decode(): count for name, count in answers.items()}
    print(f"answers to guessed keys and forged webhooks, by status: {told}", flush=True)
    return [
        Limit("an endless head, the most sent", max(sent) / 1024, 64, " KiB"),
        Limit("a slow one, until it is cut off", seconds, 5.5, " s"),
        Limit("p99 of /healthz beside endless heads, times idle", statistics.median(by_heads), 2),
        Limit("beside four that guess keys and forge", statistics.median(by_floods), 10),
        Limit("memory that all of it cost", (most - before) / 2**20, 10, " MB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--asked", type=int, default=300)
    arguments = parser.parse_args()
    with durable_server() as postgres:
        postgres.execute("create database bench")
        dsn = postgres.dsn("bench")
        migrate_now(dsn)
        return told(asyncio.run(measured(dsn, arguments.rounds, arguments.asked)))


if __name__ == "__main__":
    sys.exit(main())
