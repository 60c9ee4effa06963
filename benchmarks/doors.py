"""What a client that nobody knows can take from others: heads that never end, one after another.

    python -m benchmarks.doors [--rounds 10] [--asked 300]

One API process (uvloop, httptools). `/healthz` is asked over a connection of its own, in turns with
and without a client beside it that opens a connection, sends a header that never ends, and begins
again when it is cut off. Prints limits: how much it could send, how long the others waited, how
much memory it cost.
"""

import argparse
import asyncio
import contextlib
import math
import statistics
import sys
import time

import psutil

from benchmarks.intake import server
from benchmarks.limits import Limit, told
from persistence.database import migrate_now
from tests.harness.postgres import durable_server

_PIECE = b"x" * 4096
_ASK = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


async def endless(port: int) -> int:
    """The bytes that were taken until it was cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = len(_PIECE)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ")
    over = asyncio.create_task(reader.read())
    with contextlib.suppress(ConnectionError):
        while not over.done():
            writer.write(_PIECE)
            await writer.drain()
            sent += len(_PIECE)
            # What is sent in one go is taken in one go: the bound is on what the server takes.
            await asyncio.sleep(0.0005)
    with contextlib.suppress(ConnectionError):
        await over
    writer.transport.abort()
    return sent


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


async def beside(port: int, times: int, sent: list[int]) -> float:
    """The same while heads that never end come one after another."""

    async def keep_on() -> None:
        while True:
            sent.append(await endless(port))

    fiend = asyncio.create_task(keep_on())
    try:
        return await asked(port, times)
    finally:
        fiend.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await fiend


async def measured(dsn: str, rounds: int, times: int) -> list[Limit]:
    async with server("intake", dsn) as served:
        memory = psutil.Process(served.pid).memory_info
        await asked(served.port, times)
        before, most, ratios = memory().rss, 0, []
        sent: list[int] = []
        for _ in range(rounds):
            idle = await asked(served.port, times)
            ratios.append(await beside(served.port, times, sent) / idle)
            most = max(most, memory().rss)
    return [
        # None was cut off where it is without an end.
        Limit("an endless head, the most sent", max(sent, default=math.inf) / 1024, 64, " KiB"),
        Limit("p99 of /healthz beside it, times idle", statistics.median(ratios), 2),
        Limit("memory that it cost", (most - before) / 2**20, 10, " MB"),
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
