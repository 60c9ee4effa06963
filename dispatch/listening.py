"""Wakes the dispatcher when PostgreSQL says that there is something to do."""

import asyncio
from collections.abc import Callable

import psycopg
import structlog

from persistence import changes, decisions, inbox

log = structlog.get_logger()

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
#: A connection that has died without a word is noticed by asking it something this often.
_PING_S = 30.0


async def listen(dsn: str, wake: Callable[[str | None], None]) -> None:
    """Until cancelled. `wake` hears the channel; or None, for all that may have been missed, once a
    lost connection is there again.

    The dispatcher's slow look stands behind this: without notifications all goes on, only later.
    """
    pause = _FIRST_PAUSE_S
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, connect_timeout=5, keepalives_idle=30
            )
            async with connection:
                for channel in (inbox.CHANNEL, changes.CHANNEL, decisions.CHANNEL):
                    await connection.execute(f"listen {channel}".encode())
                pause = _FIRST_PAUSE_S
                wake(None)
                while True:
                    async for told in connection.notifies(timeout=_PING_S):
                        wake(told.channel)
                    async with asyncio.timeout(_PING_S):
                        await connection.execute("select 1")
        except (psycopg.OperationalError, OSError) as fault:
            log.warning("listening stopped; connecting again", error=type(fault).__name__)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
