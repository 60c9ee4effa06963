"""Waiting for a condition, with a bound, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(
    condition: Callable[[], Awaitable[bool]],
    what: str,
    *,
    seconds: float = 20,
    every: float = 0.02,
) -> None:
    """Looks `every` so many seconds. Raises AssertionError saying that `what` has not come true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await condition():
            return
        await asyncio.sleep(every)
    raise AssertionError(f"not true after {seconds} seconds: {what}")
