"""Events that name what they are about and do not show it: billing is asked what they say.

Never in the transaction that reads the inbox, which keeps all others waiting: such an event is set
aside there, taken by one dispatcher for a while, and settled once billing has answered. While
billing is away, refuses, or answers otherwise than its contract says, they wait, and others go on:
an event that was kept is not given up for what may pass.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

import structlog

from canonical_models.amendment import ChangeTrigger
from canonical_models.failures import ContractDrift, Failure, Rejection
from canonical_models.states import InboxStatus
from connectors.ports import UnreadableEvent
from dispatch.reading import FAULTS, OURS, enter
from persistence import inbox
from persistence.database import Database
from persistence.inbox import Arrival, Reading

log = structlog.get_logger()

#: As many are taken at once, and asked about side by side.
ROWS = 24
#: Longer than all requests of one event take together; then somebody else takes it.
LEASE = timedelta(minutes=3)
_FIRST, _MOST = timedelta(seconds=5), timedelta(minutes=5)


class EventReader(Protocol):
    """As much of a billing port."""

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        """See `BillingPort`."""


class Later(Exception):
    """Billing has not told what the event says, for the reason that this gives."""


class Asker:
    """`readers` is keyed by (tenant, connection)."""

    def __init__(self, database: Database, readers: Mapping[tuple[str, str], EventReader]) -> None:
        self._database = database
        self._readers = readers

    async def ask(self) -> int:
        """Settle all that are due; how many billing was asked about."""
        asked = 0
        while self._readers:
            async with self._database.transaction() as conn:
                taken = await inbox.take_aside(conn, self._readers, rows=ROWS, lease=LEASE)
            if not taken:
                break
            asked += len(taken)
            done = await asyncio.gather(
                *(self._one(arrival, times) for arrival, times in taken), return_exceptions=True
            )
            # Of the database: what is not settled is taken again once its lease is over.
            for fault in done:
                if isinstance(fault, BaseException):
                    raise fault
        return asked

    async def _one(self, arrival: Arrival, times: int) -> None:
        try:
            found = await self._understood(arrival)
        except Later as why:
            after = min(_FIRST * 2 ** min(times - 1, 10), _MOST)
            log.warning(
                "an event waits until billing can be asked what it says",
                tenant=arrival.tenant,
                connection=arrival.connection,
                event_id=arrival.event_id,
                times=times,
            )
            async with self._database.transaction() as conn:
                await inbox.put_off(conn, arrival.inbox_id, str(why), after=after)
            return
        async with self._database.transaction() as conn:
            if isinstance(found, ChangeTrigger):
                await enter(conn, [(arrival, found)])
            else:
                await inbox.settle(conn, [found])

    async def _understood(self, arrival: Arrival) -> ChangeTrigger | Reading:
        """Raises Later."""
        reader = self._readers[arrival.tenant, arrival.connection]
        try:
            found = await reader.understand(arrival.body)
        except (Rejection, ContractDrift) as why:
            # Of an answer that does not fit the connection's one question is asked meanwhile.
            raise Later(
                "the event does not show what it is about, and what billing answers does not say "
                f"it, so that it waits and is asked about again: {why}"
            ) from None
        except Failure as away:
            raise Later(
                f"the event does not show what it is about, and billing could not be asked: {away}"
            ) from None
        except UnreadableEvent as why:
            return Reading(arrival.inbox_id, InboxStatus.DEAD_LETTERED, reason=str(why))
        except FAULTS:
            log.exception("dead letter: the event could not be asked about", id=arrival.event_id)
            return Reading(arrival.inbox_id, InboxStatus.DEAD_LETTERED, reason=OURS)
        return found or Reading(arrival.inbox_id, InboxStatus.IGNORED)
