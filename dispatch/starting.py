"""Starts the saga of one claimed change, whatever is still open under the subscription's id."""

import asyncio
from contextlib import AbstractContextManager
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowHistoryEventFilterType,
)
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from canonical_models.amendment import ChangeKind
from connectors import spans
from dispatch.priority import priority, queue
from persistence.change_queue import OURS, Claim
from workflows.names import (
    ACCOUNT,
    AMENDMENT,
    CHANGE,
    CHANGE_KIND,
    CUSTOMER,
    STAGE,
    SUBSCRIPTION,
    TENANT,
    ChangeInput,
    change_workflow_id,
)

log = structlog.get_logger()

RPC_TIMEOUT = timedelta(seconds=5)
#: A workflow task of a worker that was killed is given to another after this time.
TASK_TIMEOUT = timedelta(seconds=3)
_AT_ONCE = 32
#: A saga that has settled its change has closed long before, in seconds.
_CLOSES_WITHIN_S = 15.0
#: Memo of a run: the claim that it was started for.
_EPOCH = "epoch"

#: Temporal, or the way to it, is at fault, and every other start will fare alike.
AWAY = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.PERMISSION_DENIED,
    }
)


class TemporalAway(Exception):
    """Nothing can be started at present."""


class StartRefused(Exception):
    """Temporal does not take this one start; the text says why."""


class Starter:
    """`client` should be the worker's own, so that the first task needs no way back from the
    server."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def start(self, claim: Claim) -> str:
        """The run id of the saga of this change, started now or by an attempt whose answer was
        lost. Waits for the close of an earlier saga. Raises TemporalAway, StartRefused."""
        try:
            while True:
                try:
                    async with self._at_once:
                        with _traced(claim):
                            return await self._start(claim)
                except WorkflowAlreadyStartedError as refusal:
                    run = await self._describe(claim, refusal.run_id)
                if run is not None and await _is_for(run, claim):
                    return run.run_id or ""
                if run is not None:
                    log.info(
                        "waiting for the last saga to close",
                        tenant=claim.tenant,
                        change_id=claim.change_id,
                        run_id=run.run_id,
                    )
                    await self._gone(claim, run)
        except RPCError as fault:
            if fault.status in AWAY:
                raise TemporalAway(f"{fault.status.name}: {fault.message}") from fault
            raise StartRefused(f"{fault.status.name}: {fault.message}") from fault
        except RuntimeError as fault:
            # What the SDK raises when its first connection fails.
            raise TemporalAway(str(fault)) from fault

    async def _start(self, claim: Claim) -> str:
        handle: WorkflowHandle[object, object] = await self._client.start_workflow(
            ACCOUNT if claim.subscription_id is None else AMENDMENT,
            ChangeInput(
                tenant=claim.tenant,
                change_id=claim.change_id,
                subject=claim.subject,
                trigger=ChangeKind(claim.kind),
                epoch=claim.epoch,
            ),
            id=change_workflow_id(claim.tenant, claim.subject),
            task_queue=queue(self._task_queue, claim.lane),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            task_timeout=TASK_TIMEOUT,
            request_eager_start=True,
            priority=priority(claim.tenant, claim.lane),
            search_attributes=_search_attributes(claim),
            memo={_EPOCH: claim.epoch},
            static_summary=_whose(claim),
            static_details=_details(claim),
            rpc_timeout=RPC_TIMEOUT,
        )
        return handle.first_execution_run_id or ""

    async def _describe(
        self, claim: Claim, run_id: str | None
    ) -> WorkflowExecutionDescription | None:
        try:
            return await self._handle(claim, run_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _gone(self, claim: Claim, run: WorkflowExecutionDescription) -> None:
        """Returns when a run has closed that is not this claim's. It has settled its change and
        closes by itself, or its change is not its any more: then it may wait for ever, and can be
        ended, because none of its steps has an effect."""
        try:
            async with asyncio.timeout(0 if is_of(run, claim.change_id) else _CLOSES_WITHIN_S):
                await self._closed(claim, run.run_id)
        except TimeoutError:
            await self._handle(claim, run.run_id).terminate(
                reason=f"its change is carried out by another run, or {claim.change_id} has come",
                rpc_timeout=RPC_TIMEOUT,
            )

    async def _closed(self, claim: Claim, run_id: str | None) -> None:
        """One long poll; the server answers at the close."""
        events = self._handle(claim, run_id).fetch_history_events(
            wait_new_event=True,
            event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT,
            skip_archival=True,
        )
        try:
            async for _ in events:
                return
        except RPCError as fault:
            if fault.status is not RPCStatusCode.NOT_FOUND:
                raise

    def _handle(self, claim: Claim, run_id: str | None) -> WorkflowHandle[object, object]:
        workflow_id = change_workflow_id(claim.tenant, claim.subject)
        return self._client.get_workflow_handle(workflow_id, run_id=run_id)


def _traced(claim: Claim) -> AbstractContextManager[None]:
    """What is replayed is a change of its own, which no webhook is the first span of."""
    told = claim.connection != OURS and "#" not in claim.event_id
    return spans.of_change("start saga", claim.change_id, told=told, tenant=claim.tenant)


def is_of(run: WorkflowExecutionDescription, change_id: str) -> bool:
    return run.typed_search_attributes.get(CHANGE) == change_id


async def _is_for(run: WorkflowExecutionDescription, claim: Claim) -> bool:
    """Not where it was started for an earlier claim of the change: such a run ends by itself."""
    return (
        is_of(run, claim.change_id)
        and await run.memo_value(_EPOCH, claim.epoch, type_hint=int) == claim.epoch
    )


def is_open(run: WorkflowExecutionDescription) -> bool:
    return run.status is WorkflowExecutionStatus.RUNNING


def _search_attributes(claim: Claim) -> TypedSearchAttributes:
    pairs = [
        SearchAttributePair(TENANT, claim.tenant),
        SearchAttributePair(CHANGE, claim.change_id),
        SearchAttributePair(CHANGE_KIND, claim.kind),
        SearchAttributePair(STAGE, "started"),
    ]
    if claim.subscription_id is not None:
        pairs.append(SearchAttributePair(SUBSCRIPTION, claim.subscription_id))
    if claim.customer_id is not None:
        pairs.append(SearchAttributePair(CUSTOMER, claim.customer_id))
    return TypedSearchAttributes(pairs)


def _whose(claim: Claim) -> str:
    """Not what it is: one act gives rise to several events, and what it was the plan finds out."""
    if claim.subscription_id is None:
        return f"Account of customer {claim.customer_id}"
    return f"Subscription {claim.subscription_id}"


def _details(claim: Claim) -> str:
    if claim.subscription_id is None:
        whose = f"the account of customer `{claim.customer_id}`"
    else:
        whose = f"subscription `{claim.subscription_id}`"
        whose += f" of customer `{claim.customer_id}`" if claim.customer_id else ""
    asked = (
        f"Asked for by us: `{claim.event_id}`"
        if claim.connection == OURS
        else f"Told by event `{claim.event_id}` of connection `{claim.connection}`"
    )
    return (
        f"Change `{claim.change_id}` of {whose}.\n\n"
        f"{asked}, received {claim.received_at:%Y-%m-%d %H:%M:%S} UTC. What it really is follows "
        "from what stands in billing when the saga reads it."
    )
