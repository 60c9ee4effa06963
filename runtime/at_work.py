"""A process says every few seconds that it is at work, where everybody can read it: a pid says that
it exists, and this that it answers."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import structlog

from persistence import at_work
from persistence.at_work import Part
from persistence.database import Database

log = structlog.get_logger(__name__)


@asynccontextmanager
async def at_work_as(part: Part, database: Database, *, build: str | None) -> AsyncIterator[None]:
    """As long as the block lasts. A fault of the database puts it off."""
    name = f"{part} {os.getpid()}@{socket.gethostname()}"
    saying = asyncio.create_task(_say(part, name, build, database))
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        with contextlib.suppress(psycopg.Error, OSError):
            async with asyncio.timeout(at_work.EVERY), database.statement() as conn:
                await at_work.leave(conn, name)


async def _say(part: Part, name: str, build: str | None, database: Database) -> None:
    begins = True
    while True:
        try:
            async with database.statement() as conn:
                await at_work.say(conn, part, name, build, begins=begins)
            begins = False
        except (psycopg.Error, OSError) as fault:
            log.warning("not said to be at work", error=type(fault).__name__)
        await asyncio.sleep(at_work.EVERY)
