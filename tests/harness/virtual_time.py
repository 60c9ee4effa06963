"""An event loop whose clock jumps to the next timer: hours pass at once, and always alike."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Done = TypeVar("Done")


class _Jumping(selectors.SelectSelector):
    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.passed += timeout or 0.0
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.passed


async def passes(seconds: float) -> None:
    """So much time, at once."""
    await asyncio.sleep(seconds)


def run(work: Coroutine[Any, Any, Done]) -> Done:
    """What `work` comes to; its sleeps and timeouts take no time. Nothing in it may wait for
    another process or thread."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
