"""The workflow engine, connected when it is first needed.

Reads never come here, so the API starts and answers while Temporal is down; what does come here
fails with `Unavailable` within a bound.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from canonical_models.views import ChangeView
from operations.errors import Conflict, Invalid, NotDone, Unavailable
from runtime.versions import Deployment
from runtime.web_ui import listed
from workflows.names import CHANGE, CUSTOMER, STAGE, TENANT, change_workflow_id

#: Longest wait for one answer of the engine itself.
ANSWER = timedelta(seconds=5)
#: Longest wait until a workflow has acted: a worker may just be starting again.
TAKEN = timedelta(seconds=20)

_NOT_RUNNING = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


def saga_of(change: ChangeView) -> str:
    """The workflow that makes this change, among others of its subject."""
    return change_workflow_id(change.tenant, change.subject)


class Engine:
    """Speaks to sagas and processes by their workflow id; a `run_id` of None is the current run.
    `connect` is called once it is needed, and again until it has succeeded."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Client]],
        *,
        namespace: str,
        ui: str | None = None,
        task_queue: str = "trueup",
    ) -> None:
        self._connect = connect
        self._namespace = namespace
        self._ui = ui
        self._task_queue = task_queue
        self._client: Client | None = None
        self._one_at_a_time = asyncio.Lock()

    async def client(self) -> Client:
        """Raises Unavailable."""
        async with self._one_at_a_time:
            if self._client is None:
                try:
                    async with asyncio.timeout(ANSWER.total_seconds()):
                        self._client = await self._connect()
                # The SDK has no type of its own for a refused connection.
                except (RuntimeError, TimeoutError, RPCError) as fault:
                    raise _away("cannot be reached") from fault
            return self._client

    async def reachable(self) -> bool:
        try:
            client = await self.client()
            return await client.service_client.check_health(timeout=timedelta(seconds=2))
        except (Unavailable, RPCError, RuntimeError):
            return False

    async def workers(self) -> int:
        """How many ask for tasks. One that has stopped counts for up to two minutes. Raises
        Unavailable."""
        client = await self.client()
        try:
            return (await Deployment(client, self._task_queue).workers()).total()
        except (RPCError, RuntimeError) as fault:
            raise _away("does not say who works") from fault

    def listed(self, query: str) -> str | None:
        """Where people see the workflows of a query in the Web UI; None when none is configured."""
        return None if self._ui is None else listed(self._ui, self._namespace, query)

    def link(self, workflow_id: str, run_id: str | None = None) -> str | None:
        """Where people see it in the Web UI; None when no Web UI is configured."""
        if self._ui is None:
            return None
        place = (
            f"{self._ui.rstrip('/')}/namespaces/{quote(self._namespace, safe='')}"
            f"/workflows/{quote(workflow_id, safe='')}"
        )
        return place if run_id is None else f"{place}/{run_id}/history"

    def link_of(self, change: ChangeView) -> str | None:
        """The run of this change; None while it has none."""
        return None if change.run_id is None else self.link(saga_of(change), change.run_id)

    async def terminate(self, workflow_id: str, run_id: str | None, *, why: str) -> None:
        """End it where it stands, if it runs. Raises Unavailable."""
        with _said(workflow_id):
            saga = await self._handle(workflow_id, run_id)
            try:
                await saga.terminate(reason=why, rpc_timeout=ANSWER)
            except RPCError as fault:
                if fault.status not in _NOT_RUNNING:
                    raise

    async def run_of(self, change: ChangeView) -> str | None:
        """The run that is open for this change, where nobody has written it down; None where there
        is none. Raises Unavailable."""
        workflow_id = saga_of(change)
        with _said(workflow_id):
            saga = await self._handle(workflow_id, None)
            try:
                found = await saga.describe(rpc_timeout=ANSWER)
            except RPCError as fault:
                if fault.status not in _NOT_RUNNING:
                    raise
                return None
        open_ = found.status is WorkflowExecutionStatus.RUNNING
        ours = found.typed_search_attributes.get(CHANGE) == change.change_id
        return found.run_id if open_ and ours else None

    async def signal(
        self, workflow_id: str, run_id: str | None, name: str, arguments: list[Any]
    ) -> None:
        with _said(workflow_id):
            saga = await self._handle(workflow_id, run_id)
            await saga.signal(name, args=arguments, rpc_timeout=ANSWER)

    async def result(
        self, name: str, argument: object, *, workflow_id: str, tenant: str, summary: str
    ) -> dict[str, Any] | None:
        """What this workflow comes to, started unless it runs; None when it needs longer.

        Raises Unavailable, also for what the workflow itself could not reach.
        """
        with _said(workflow_id):
            client = await self.client()
            started: WorkflowHandle[Any, dict[str, Any]] = await client.start_workflow(
                name,
                argument,
                id=workflow_id,
                task_queue=self._task_queue,
                result_type=dict,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(TENANT, tenant), SearchAttributePair(STAGE, "asked")]
                ),
                static_summary=summary,
                rpc_timeout=ANSWER,
            )
            try:
                async with asyncio.timeout(TAKEN.total_seconds()):
                    return await started.result()
            except TimeoutError:
                return None

    async def start(
        self,
        name: str,
        argument: object,
        *,
        workflow_id: str,
        tenant: str,
        summary: str,
        priority: int,
    ) -> None:
        """Have this workflow run, unless it does; nobody waits for it. Raises Unavailable."""
        with _said(workflow_id):
            client = await self.client()
            await client.start_workflow(
                name,
                argument,
                id=workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                priority=Priority(priority_key=priority, fairness_key=tenant),
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(TENANT, tenant), SearchAttributePair(STAGE, "asked")]
                ),
                static_summary=summary,
                rpc_timeout=ANSWER,
            )

    async def kept_for(self) -> timedelta:
        """How long a history stays after its workflow has ended. Raises Unavailable."""
        with _said(self._namespace):
            client = await self.client()
            found = await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace), timeout=ANSWER
            )
            return found.config.workflow_execution_retention_ttl.ToTimedelta()

    async def open_of(self, tenant: str, customer_id: str) -> int:
        """How many workflows go on that are about this customer. Raises Unavailable."""
        which = " and ".join(
            (
                f"{TENANT.name} = '{_quoted(tenant)}'",
                f"{CUSTOMER.name} = '{_quoted(customer_id)}'",
                "ExecutionStatus = 'Running'",
            )
        )
        with _said(self._namespace):
            client = await self.client()
            return (await client.count_workflows(which, rpc_timeout=ANSWER)).count

    async def _handle(self, workflow_id: str, run_id: str | None) -> WorkflowHandle[Any, Any]:
        client = await self.client()
        return client.get_workflow_handle(workflow_id, run_id=run_id)


def _quoted(value: str) -> str:
    """Within a query for workflows, between single quotes."""
    return value.replace("\\", "\\\\").replace("'", "''")


@contextmanager
def _said(workflow_id: str) -> Iterator[None]:
    """The engine's errors in the words of `operations.errors`."""
    try:
        yield
    except WorkflowFailureError as failed:
        raise _failed(workflow_id, failed.cause) from failed
    except (RPCTimeoutOrCancelledError, TimeoutError) as fault:
        raise Unavailable(
            f"the {_named(workflow_id)} has not answered in time",
            remedy="look whether it was taken after all, and if not, do it again, which is "
            "harmless; see first that a worker runs",
            see=("deployment", ""),
        ) from fault
    except RPCError as fault:
        raise _rpc(fault, workflow_id) from fault
    except RuntimeError as fault:
        raise _away("cannot be reached") from fault


def _failed(workflow_id: str, cause: BaseException) -> NotDone:
    """What a workflow gave up with; an activity's own words are inside."""
    inner = cause.cause if isinstance(cause, ActivityError) and cause.cause else cause
    said = inner.message if isinstance(inner, ApplicationError) else str(inner)
    return Unavailable(
        f"the {_named(workflow_id)} could not be done: {said}",
        remedy="see it in the Temporal Web UI, mend what it says, and do it again",
    )


def _rpc(fault: RPCError, workflow_id: str) -> NotDone:
    if fault.status in _NOT_RUNNING:
        return _gone(workflow_id)
    if fault.status is RPCStatusCode.INVALID_ARGUMENT:
        return Invalid(
            f"the workflow engine refused the message for the {_named(workflow_id)}",
            remedy="send a smaller message, or one of the names in the documentation",
        )
    return _away(f"answered {fault.status.name.lower()}")


def _gone(workflow_id: str) -> Conflict:
    return Conflict(
        f"no {_named(workflow_id)} runs that could hear this",
        remedy="look again: it has settled, or is started again within minutes; a recovery starts "
        "at once what Temporal has lost",
        see=("recovery", ""),
    )


def _named(workflow_id: str) -> str:
    """`subscription/acme/sub_1` as `saga of subscription sub_1`."""
    kind, _, key = workflow_id.partition("/")
    return f"saga of {kind} {key.partition('/')[2] or key}"


def _away(how: str) -> Unavailable:
    return Unavailable(
        f"the workflow engine (Temporal) {how}",
        remedy="nothing is lost: check that it runs at [temporal] address, and do it again when it "
        "is back",
    )
