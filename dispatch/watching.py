"""The slow look at sagas that are open: lost ones are settled, waiting ones told of newer changes.

A saga settles its change before it closes. So a run that is closed while its change is not settled
was terminated, failed, or reset away: nobody will settle the change any more.
"""

from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from dispatch.starting import RPC_TIMEOUT, is_of, is_open
from persistence import change_queue, change_watch
from persistence.change_watch import Open
from persistence.database import Database
from workflows.names import NEWER_CHANGE, change_workflow_id

log = structlog.get_logger()

#: Few enough that the look costs nothing; the next one goes on from there.
_LIMIT = 32


class SagaWatch:
    """Both looks raise RPCError, or RuntimeError from a first connection, while Temporal is away,
    and are to be repeated later."""

    def __init__(self, database: Database, client: Client, *, settled_within: timedelta) -> None:
        self._database = database
        self._client = client
        self._settled_within = settled_within
        self._seen_to = 0
        self._told: dict[str, int] = {}

    async def settle_lost(self) -> int:
        """How many changes had lost their saga."""
        async with self._database.transaction() as session:
            looked_at = await change_watch.at_work(
                session, since=self._settled_within, after=self._seen_to, limit=_LIMIT
            )
        lost = 0
        for change in looked_at:
            if (state := await self._closed_as(change)) is not None:
                lost += await self._lose(change, state)
        self._seen_to = looked_at[-1].seq if len(looked_at) == _LIMIT else 0
        return lost

    async def _closed_as(self, change: Open) -> str | None:
        """How the change's saga has ended, in words; None while it is open."""
        workflow_id = change_workflow_id(change.tenant, change.subject)
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            # The current run: a reset goes on under another run id with the same change.
            run = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return "is not there any more"
            raise
        if not is_of(run, change.change_id):
            return "has ended"
        if is_open(run):
            if run.run_id != change.run_id:
                async with self._database.transaction() as session:
                    await change_queue.started(session, change.change_id, run.run_id)
            return None
        return f"was {run.status.name.lower().replace('_', ' ')}" if run.status else "has ended"

    async def _lose(self, change: Open, state: str) -> bool:
        summary = (
            f"The saga {state} before the change was settled. What it had done by then stands. "
            "A newer change of the subscription, or a replay of the event, brings every system "
            "back into agreement."
        )
        async with self._database.transaction() as session:
            lost = await change_watch.lose(session, change, summary)
        if lost:
            log.error(
                "saga lost",
                tenant=change.tenant,
                change_id=change.change_id,
                run_id=change.run_id,
                saga=state,
            )
        return lost

    async def tell_of_newer(self) -> None:
        """Signal each saga that waits for a person, once for the newest change behind it."""
        async with self._database.transaction() as session:
            waiting = await change_watch.outwaited(session)
        self._told = {change.change_id: self._told.get(change.change_id, 0) for change in waiting}
        for change in waiting:
            if change.newest <= self._told[change.change_id]:
                continue
            workflow_id = change_workflow_id(change.tenant, change.subject)
            handle = self._client.get_workflow_handle(workflow_id, run_id=change.run_id)
            try:
                await handle.signal(NEWER_CHANGE, rpc_timeout=RPC_TIMEOUT)
            except RPCError as fault:
                # It has just gone on and closed, so it needs no telling.
                if fault.status is not RPCStatusCode.NOT_FOUND:
                    raise
            self._told[change.change_id] = change.newest
