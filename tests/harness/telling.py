"""What the dispatcher does for processes, alone: the engine is told of their news."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dispatch.signalling import Signaller
from tests.harness.sagas import Sagas


@asynccontextmanager
async def telling(sagas: Sagas, *, every: float = 0.02) -> AsyncIterator[None]:
    """As long as the block lasts."""
    signaller = Signaller(sagas.database, sagas.client, sagas.task_queue)

    async def tell() -> None:
        while True:
            await signaller.tell()
            await asyncio.sleep(every)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
