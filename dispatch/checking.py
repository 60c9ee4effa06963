"""Whether the engine still has what rows say it was told of: a store that was lost, or restored
from a copy, is filled again from PostgreSQL.

A batch now and then while all is well. Where most of a batch is not there, the store itself is
gone, and all are looked at, at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from dispatch.starting import RPC_TIMEOUT
from persistence import processes
from persistence.database import Database
from persistence.processes import Acknowledged

log = structlog.get_logger()

_LIMIT = 100
_AT_ONCE = 8
#: Each process is asked for this often.
_EVERY = timedelta(minutes=10)

_GOES_ON = (
    WorkflowExecutionStatus.RUNNING,
    WorkflowExecutionStatus.CONTINUED_AS_NEW,
)


class ProcessWatch:
    """`refill` puts into the engine what is neither a process nor a change: search attributes and
    schedules. Both looks raise RPCError, or RuntimeError from a first connection, while Temporal
    is away, and are to be repeated later."""

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        refill: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._refill = refill

    async def poll(self) -> int:
        """How many processes the engine had not, and is now to be told of again: of the few that
        were not asked for lately, or of all where the store is gone."""
        looked_at, lost = await self._batch(before=datetime.now(UTC) - _EVERY)
        if not lost or lost * 2 < looked_at:
            return lost
        log.warning("Temporal has lost its store, and is filled again", lost=lost)
        if self._refill is not None:
            await self._refill()
        return lost + await self.look_at_all()

    async def look_at_all(self) -> int:
        """The same, of all that were not asked for since it began."""
        before, lost = datetime.now(UTC), 0
        while True:
            looked_at, gone = await self._batch(before=before)
            lost += gone
            if looked_at < _LIMIT:
                return lost

    async def _batch(self, *, before: datetime) -> tuple[int, int]:
        """(how many were looked at, how many of them were lost)."""
        async with self._database.transaction() as conn:
            told = await processes.unchecked(conn, before=before, limit=_LIMIT)
        gate = asyncio.Semaphore(_AT_ONCE)
        try:
            states = await asyncio.gather(*(self._state(process, gate) for process in told))
        except (RPCError, RuntimeError):
            async with self._database.transaction() as conn:
                await processes.not_checked(conn, told, at=before - _EVERY)
            raise
        gone = [
            process
            for process, state in zip(told, states, strict=True)
            if state not in (*_GOES_ON, WorkflowExecutionStatus.COMPLETED)
        ]
        ended = [
            process
            for process, state in zip(told, states, strict=True)
            if state is WorkflowExecutionStatus.COMPLETED
        ]
        async with self._database.transaction() as conn:
            await processes.ended(conn, ended)
            await processes.forgotten(conn, gone)
        for process in gone:
            log.warning("process lost, and started again", workflow_id=process.workflow_id)
        return len(told), len(gone)

    async def _state(
        self, process: Acknowledged, gate: asyncio.Semaphore
    ) -> WorkflowExecutionStatus | None:
        """None where the engine does not know it."""
        async with gate:
            handle = self._client.get_workflow_handle(process.workflow_id)
            try:
                return (await handle.describe(rpc_timeout=RPC_TIMEOUT)).status
            except RPCError as fault:
                if fault.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
