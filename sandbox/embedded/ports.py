"""Free ports on loopback, the same ones again at the next start where they still are free."""

import json
import random
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from runtime.processes import ChildFailed
from sandbox.embedded.files import write

LOOPBACK = "127.0.0.1"
#: Below the range that systems take outgoing ports from, so that ours stay free over night.
_RANGE = range(20_000, 30_000)
_ATTEMPTS = 200
_STARTS = 3

T = TypeVar("T")


class Ports:
    """Remembers a port for each name in `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chosen: dict[str, int] = _read(path)

    def take(self, name: str) -> int:
        """The port of `name`: yesterday's if it is free, else a new one. Raises OSError."""
        port = self._chosen.get(name)
        if port is None or not is_free(port):
            port = self._chosen[name] = self._new()
            write(self._path, json.dumps(self._chosen, indent=2) + "\n")
        return port

    def _new(self) -> int:
        choose = random.Random()  # noqa: S311 - spreads stacks that start at one time, no secret
        for _ in range(_ATTEMPTS):
            port = choose.choice(_RANGE)
            if port not in self._chosen.values() and is_free(port):
                return port
        raise OSError(f"no free port between {_RANGE.start} and {_RANGE.stop} on {LOOPBACK}")

    async def start(self, names: tuple[str, ...], launch: Callable[..., Awaitable[T]]) -> T:
        """`launch(*ports)`; again on other ports when somebody took one before the child could."""
        for attempt in range(1, _STARTS + 1):
            ports = [self.take(name) for name in names]
            try:
                return await launch(*ports)
            except ChildFailed:
                if attempt == _STARTS or all(map(is_free, ports)):
                    raise
        raise AssertionError("the loop returns or raises")


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _read(path: Path) -> dict[str, int]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): int(port) for name, port in document.items()}
