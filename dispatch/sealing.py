"""The sealer: links rows to the chain of their tenant soon after they were written.

It sleeps until it is woken, by a notification or by the dispatcher's slow look, and looks each
second while there is something to do. Every worker has one; of several one is at work at a time.
"""

import asyncio

import psycopg
import structlog

from persistence import seals
from persistence.database import Database

log = structlog.get_logger()

_EVERY_S = 1.0
#: So many looks in vain, and it sleeps.
_IN_VAIN = 3


class Sealer:
    """`run()` until cancelled; `wake()` says that there may be something."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = asyncio.Event()
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            in_vain = 0
            while in_vain < _IN_VAIN:
                self._wake.clear()
                try:
                    sealed = await seals.seal_waiting(self._database)
                except (psycopg.Error, OSError) as fault:
                    log.warning("sealing put off", error=type(fault).__name__)
                    sealed, in_vain = 0, -1
                in_vain = 0 if sealed or self._wake.is_set() else in_vain + 1
                if sealed != seals.ROWS:
                    await asyncio.sleep(_EVERY_S)
