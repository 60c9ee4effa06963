"""The slow look at sagas that are open: what has lost its own is queued anew, and those that wait
are told of newer changes.

A saga settles its change before it closes. So a run that is closed while its change is not settled
was terminated, failed, reset away, or lost with its store: nobody will settle the change any more.
Plans are states, so the next run makes one from the newest snapshot, and nothing is lost. A change
that loses its saga again and again is a question for operations.
"""

from datetime import timedelta

import structlog
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode

from canonical_models.events import ExceptionOpened, SyncRequeued, event
from canonical_models.exceptions import SAGA_LOST, Raised, Track
from canonical_models.failures import FailureClass, Team
from dispatch.starting import RPC_TIMEOUT, is_of, is_open
from persistence import causes, change_queue, change_watch, changes, exceptions, outbox, waking
from persistence.change_watch import Open
from persistence.connection import Connection
from persistence.database import Database
from persistence.waking import Woken
from workflows.names import NEWER_CHANGE, change_workflow_id

log = structlog.get_logger()

#: Few enough that the look costs nothing; the next one goes on from there.
_LIMIT = 32
#: So often a change is begun anew by itself.
MOST_TIMES = 3
#: Within which operations decides about one that was lost more often.
_DUE = timedelta(hours=2)


class SagaWatch:
    """Both looks raise RPCError, or RuntimeError from a first connection, while Temporal is away,
    and are to be repeated later."""

    def __init__(self, database: Database, client: Client, *, settled_within: timedelta) -> None:
        self._database = database
        self._client = client
        self._settled_within = settled_within
        self._seen_to = 0

    async def requeue_lost(self) -> int:
        """How many changes had lost their saga."""
        async with self._database.transaction() as conn:
            looked_at = await change_watch.at_work(
                conn, since=self._settled_within, after=self._seen_to, limit=_LIMIT
            )
        lost = 0
        for change in looked_at:
            if (how := await self._closed_as(change)) is not None:
                lost += await self._again(change, how)
        self._seen_to = looked_at[-1].seq if len(looked_at) == _LIMIT else 0
        return lost

    async def requeue_all_lost(self) -> int:
        """The same, of all that are at work."""
        lost = await self.requeue_lost()
        while self._seen_to:
            lost += await self.requeue_lost()
        return lost

    async def _closed_as(self, change: Open) -> str | None:
        """How the change's saga has ended, in words; None while it is open."""
        try:
            # The current run: a reset goes on under another run id with the same change.
            run = await self._saga(change, None).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return "is not there any more"
            raise
        ours = is_of(run, change.change_id)
        if ours and is_open(run):
            if run.run_id != change.run_id:
                async with self._database.transaction() as conn:
                    await change_queue.started(conn, change.change_id, run.run_id)
            return None
        return await self._ended(change, run.run_id if ours else change.run_id)

    async def _ended(self, change: Open, run_id: str | None) -> str:
        """In words, and by whom."""
        if run_id is None:
            return "is not there any more"
        try:
            closing = await self._saga(change, run_id).fetch_history(
                event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT
            )
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return "is not there any more"
            raise
        return _how(closing.events[-1]) if closing.events else "has ended"

    async def _again(self, change: Open, how: str) -> bool:
        known = log.bind(
            tenant=change.tenant, change_id=change.change_id, run_id=change.run_id, saga=how
        )
        async with self._database.transaction() as conn:
            lost = await change_watch.lost(conn, change)
            if lost is None:
                return False
            if lost.times > MOST_TIMES:
                await self._ask(conn, change, how)
                known.error("saga lost too often: operations is asked")
                return True
            why = f"The saga {how} before the change was settled; it is carried out anew."
            await change_queue.requeue(conn, change.change_id, why=why)
            await changes.note(conn, change.change_id, "requeued", f"the saga {how}")
            told = SyncRequeued(
                change_id=change.change_id,
                subscription_id=change.subject,
                reason=f"the saga {how}",
                times=lost.times,
            )
            requeued = event(
                change.tenant,
                "sync.requeued.v1",
                key=f"{change.change_id}/{change.epoch}",
                subject=change.subject,
                data=told,
            )
            await outbox.publish(conn, change.tenant, [requeued])
        known.warning("saga lost: its change is carried out anew", times=lost.times)
        return True

    async def _ask(self, conn: Connection, change: Open, how: str) -> None:
        """What its last run has asked can be answered by none, and is asked again by the next."""
        await exceptions.drop(
            conn, change.tenant, change.change_id, note=f"the saga that asked it {how}"
        )
        opened = await exceptions.open_(
            conn,
            Raised(
                tenant=change.tenant,
                change_id=change.change_id,
                track=Track.PROCESS,
                step="saga",
                system="temporal",
                failure_class=FailureClass.TRANSIENT.value,
                code=SAGA_LOST,
                subject=change.change_id,
                owner=Team.OPERATIONS.value,
                message=f"the saga of change {change.change_id} of {change.subject} has ended "
                f"{MOST_TIMES + 1} times before it was done; the last one {how}. Nothing is lost: "
                "`retry` carries the change out anew, `abort` takes back what it has done. Find "
                "out first who or what ends it",
                again=await exceptions.tried_before(
                    conn, change.tenant, change.change_id, SAGA_LOST
                ),
            ),
            due=_DUE,
        )
        await change_watch.stop(conn, change.change_id)
        await changes.note(conn, change.change_id, "requeued", f"not again: the saga {how}")
        told = ExceptionOpened(
            exception_id=opened.exception_id,
            change_id=change.change_id,
            code=opened.code,
            owner=opened.owner,
            subject=opened.subject,
            at_risk=None,
        )
        asked = event(
            change.tenant,
            "sync.exception_opened.v1",
            key=await causes.occasion(conn, change.tenant, opened.exception_id),
            subject=change.subject,
            data=told,
        )
        await outbox.publish(conn, change.tenant, [asked])

    async def tell_of_newer(self) -> None:
        """Signal each saga that waits for a person, once for what came behind it; and those whose
        question may have answered itself, in the same words: both look again."""
        async with self._database.statement() as conn:
            waiting = await change_watch.outwaited(conn)
            woken = await waking.woken(conn)
        for change in waiting:
            await self._tell(change)
            async with self._database.statement() as conn:
                await change_watch.told(conn, change)
        for case in woken:
            await self._tell(case)
            async with self._database.statement() as conn:
                await waking.told(conn, case)

    async def _tell(self, change: Open | Woken) -> None:
        try:
            await self._saga(change, change.run_id).signal(NEWER_CHANGE, rpc_timeout=RPC_TIMEOUT)
        except RPCError as fault:
            # It has just gone on and closed, so it needs no telling.
            if fault.status is not RPCStatusCode.NOT_FOUND:
                raise

    def _saga(self, change: Open | Woken, run_id: str | None) -> WorkflowHandle[object, object]:
        workflow_id = change_workflow_id(change.tenant, change.subject)
        return self._client.get_workflow_handle(workflow_id, run_id=run_id)


def _how(closing: HistoryEvent) -> str:
    """What ended a run, in words that follow "the saga"."""
    match closing.WhichOneof("attributes"):
        case "workflow_execution_terminated_event_attributes":
            ended = closing.workflow_execution_terminated_event_attributes
            why = f' ("{ended.reason}")' if ended.reason else ""
            return f"was terminated by {ended.identity or 'the server'}{why}"
        case "workflow_execution_failed_event_attributes":
            failed = closing.workflow_execution_failed_event_attributes
            return f'failed ("{failed.failure.message[:200]}")'
        case "workflow_execution_timed_out_event_attributes":
            return "timed out"
        case "workflow_execution_canceled_event_attributes":
            return "was cancelled"
        case _:
            return "has ended"
