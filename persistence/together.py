"""Reads that know nothing of each other, sent one behind the other before the first is answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from psycopg.pq import PipelineStatus

from persistence.connection import Connection


async def together(
    conn: Connection, *reads: Callable[[Connection], Coroutine[Any, Any, Any]]
) -> tuple[Any, ...]:
    """What each of them reads, in their order, for one round trip to the database. A read that
    needs what it has read before asks once more, together with others of which that is so. Raises
    what the first of them raises that fails, once none of them uses the connection any more."""
    if conn.pgconn.pipeline_status != PipelineStatus.OFF:
        return await _all(conn, reads)
    async with conn.pipeline():
        return await _all(conn, reads)


async def _all(
    conn: Connection, reads: tuple[Callable[[Connection], Coroutine[Any, Any, Any]], ...]
) -> tuple[Any, ...]:
    # Who sends takes the connection's lock, in turn: as long as nobody has it, the first would wait
    # for its answer before the second has sent anything.
    async with conn.lock:
        tasks = [asyncio.create_task(read(conn)) for read in reads]
        await asyncio.sleep(0)
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        await asyncio.wait(tasks)
