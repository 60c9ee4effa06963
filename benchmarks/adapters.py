"""What an adapter costs besides its vendor: everything outside the socket, by call.

    python -m benchmarks.adapters [--rounds 300] [NAME ...]

Each system that the conformance suite describes is started, and asked through its adapter once
while its answers are kept. Then the same is asked of the kept answers, which cost nothing: what is
left is ours, from the port's method to the bytes that go out and back: governor, signatures, log,
reading, checking and mapping. A call is one request to the vendor; an operation may make several.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import structlog

from benchmarks.limits import Limit, told
from sandbox.erp.server import DEFAULT_VENV
from tests.connectors.conformance.describing import Act, Look, System
from tests.connectors.conformance.systems import SYSTEMS, Entry

_MOST_MS = 2.0
_WARM = 3

Key = tuple[str, bytes, bytes]
Kept = tuple[int, httpx.Headers, bytes]


def key_of(request: httpx.Request) -> Key:
    """JSON-RPC counts its requests: that is no part of what is asked."""
    body = request.content
    if request.url.path.endswith("/rpc/"):
        body = json.dumps({**json.loads(body), "id": 0}).encode()
    return request.method, request.url.raw_path, body


@dataclass
class Tape(httpx.AsyncBaseTransport):
    """Asks the real system and keeps its answers, or gives the kept ones in turn. `seconds` and
    `calls` are what a round has spent in here; `spoilt` where it had to ask after all."""

    inner: httpx.AsyncBaseTransport
    playing: bool = False
    seconds: float = 0
    calls: int = 0
    spoilt: bool = False
    kept: dict[Key, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    _turn: dict[Key, int] = field(default_factory=lambda: defaultdict(int))

    def begin(self) -> None:
        self.seconds, self.calls, self.spoilt = 0, 0, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began = time.perf_counter()
        await request.aread()
        key = key_of(request)
        if not self.playing or key not in self.kept:
            self.spoilt = True
            answer = await self.inner.handle_async_request(request)
            content = b"".join([part async for part in answer.aiter_raw()])
            await answer.aclose()
            self.kept[key].append((answer.status_code, answer.headers, content))
        answers = self.kept[key]
        status, headers, content = answers[self._turn[key] % len(answers)]
        self._turn[key] += 1
        self.calls += 1
        self.seconds += time.perf_counter() - began
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


async def measured(
    system: System, do: Callable[[Any, Any], Awaitable[Any]], subject: object, rounds: int
) -> tuple[list[float], float]:
    """(milliseconds a call, of each round; calls an operation)."""
    async with httpx.AsyncHTTPTransport(trust_env=False) as inner:
        tape = Tape(inner)
        port = system.connect(system.config(), tape)
        # What an adapter has to learn first it knows afterwards, and a write finds what it has
        # done.
        for _ in range(_WARM):
            tape.kept.clear()
            await do(port, subject)
        tape.playing = True
        took: list[float] = []
        asked: list[int] = []
        while len(took) < rounds:
            tape.begin()
            began = time.perf_counter()
            await do(port, subject)
            seconds = time.perf_counter() - began - tape.seconds
            if not tape.spoilt:
                took.append(1000 * seconds / tape.calls)
                asked.append(tape.calls)
        await port.close()
    return took, statistics.mean(asked)


async def adapter(name: str, entry: Entry, rounds: int) -> Limit:
    """Of all its operations; each is printed."""
    every: list[float] = []
    with TemporaryDirectory() as folder:
        async with entry.started(Path(folder)) as system:
            operations: tuple[Look | Act, ...] = (entry.port.look, *entry.port.acts)
            for each in operations:
                subject = await each.subject(system)
                took, asked = await measured(system, each.do, subject, rounds)
                every += took
                print(
                    f"{name} {each.name}: {statistics.median(took):.2f} ms a call, "
                    f"{asked:.0f} calls",
                    flush=True,
                )
    return Limit(f"{name}: overhead a call, median", statistics.median(every), _MOST_MS, " ms")


async def adapters(names: list[str], rounds: int) -> list[Limit]:
    return [await adapter(name, SYSTEMS[name], rounds) for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="of the conformance suite's systems; all by default"
    )
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - SYSTEMS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there is {', '.join(SYSTEMS)}")
    names = arguments.names or [name for name, entry in SYSTEMS.items() if _is_there(entry)]
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        # As in production, but that nobody reads it.
        structlog.configure(
            processors=[structlog.processors.JSONRenderer()],
            logger_factory=structlog.PrintLoggerFactory(nowhere),
        )
        return told(asyncio.run(adapters(names, arguments.rounds)))


def _is_there(entry: Entry) -> bool:
    return entry.mark is None or (entry.mark == "erp" and (DEFAULT_VENV / "bin/trytond").exists())


if __name__ == "__main__":
    sys.exit(main())
