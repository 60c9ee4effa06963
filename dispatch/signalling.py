"""Tells the engine of news: a process that runs hears it, one that does not run is started.

The rows are the truth: what could not be told now is told by the next look.
"""

import structlog
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError

from canonical_models.process import Process, ProcessKind
from dispatch.priority import of_process, priority, queue
from dispatch.starting import AWAY, RPC_TIMEOUT, TASK_TIMEOUT
from persistence import processes
from persistence.database import Database
from workflows.names import CUSTOMER, NEWS, STAGE, SUBSCRIPTION, TENANT

log = structlog.get_logger()

_SUMMARIES = {
    ProcessKind.RENEWAL: "Renewal of {}",
    ProcessKind.DUNNING: "Dunning of invoice {}",
    ProcessKind.ENTITLEMENT: "Entitlements of customer {} at {}",
    ProcessKind.BATCH: "Batch {}",
    ProcessKind.PAYOUT: "Payout {}",
}


class Signaller:
    """Safe to run in several dispatchers: each row is told by one of them."""

    def __init__(self, database: Database, client: Client, task_queue: str) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue

    async def tell(self) -> int:
        """How many processes were told. Raises RPCError, or RuntimeError from a first connection,
        while Temporal is away."""
        told, refused = 0, set[str]()
        while True:
            process: Process | None = None
            try:
                async with processes.unacknowledged(self._database, but=refused) as process:
                    if process is None:
                        return told
                    await self._signal(process)
            except RPCError as fault:
                if process is None or fault.status in AWAY:
                    raise
                # This one alone is not taken; the others need not wait for it.
                refused.add(process.workflow_id)
                log.warning("process refused", workflow_id=process.workflow_id, error=fault.message)
                continue
            log.info("process told", workflow_id=process.workflow_id)
            told += 1

    async def _signal(self, process: Process) -> None:
        lane = of_process(process.kind)
        await self._client.start_workflow(
            process.kind.value,
            process,
            id=process.workflow_id,
            task_queue=queue(self._task_queue, lane),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=TASK_TIMEOUT,
            start_signal=NEWS,
            priority=priority(process.tenant, lane),
            search_attributes=_search_attributes(process),
            static_summary=_SUMMARIES[process.kind].format(process.key, process.target),
            rpc_timeout=RPC_TIMEOUT,
        )


def _search_attributes(process: Process) -> TypedSearchAttributes:
    pairs = [SearchAttributePair(TENANT, process.tenant), SearchAttributePair(STAGE, "started")]
    if process.subscription_id is not None:
        pairs.append(SearchAttributePair(SUBSCRIPTION, process.subscription_id))
    if process.customer_id is not None:
        pairs.append(SearchAttributePair(CUSTOMER, process.customer_id))
    return TypedSearchAttributes(pairs)
