"""Workers of one process that are started and stopped together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

#: A write that is under way when the worker is told to stop gets its answer.
GRACE = timedelta(seconds=30)


@asynccontextmanager
async def at_work(workers: Sequence[AbstractAsyncContextManager[Any]]) -> AsyncIterator[None]:
    """Until the block ends; then all stop at the same time, so that what is under way at one of
    them does not keep the others waiting. Raises what a worker ended with."""
    for worker in workers:
        await worker.__aenter__()
    kind: type[BaseException] | None = None
    try:
        yield
    except BaseException as fault:
        kind = type(fault)
        raise
    finally:
        ends = await asyncio.gather(
            *(worker.__aexit__(kind, None, None) for worker in workers), return_exceptions=True
        )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
