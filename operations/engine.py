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

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from operations.errors import Conflict, Invalid, NotDone, Unavailable
from workflows.names import subscription_workflow_id

#: Longest wait for one answer of the engine itself.
ANSWER = timedelta(seconds=5)
#: Longest wait until a saga has acted on an Update: a worker may just be starting again.
TAKEN = timedelta(seconds=20)

_NOT_RUNNING = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


class Engine:
    """Speaks to the sagas of subscriptions. `connect` is called once it is needed, and again until
    it has succeeded."""

    def __init__(
        self, connect: Callable[[], Awaitable[Client]], *, namespace: str, ui: str | None = None
    ) -> None:
        self._connect = connect
        self._namespace = namespace
        self._ui = ui
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

    def link(self, tenant: str, subscription_id: str, run_id: str | None) -> str | None:
        """Where people see the run in the Web UI; None when no Web UI is configured."""
        if self._ui is None or run_id is None:
            return None
        workflow = quote(subscription_workflow_id(tenant, subscription_id), safe="")
        return (
            f"{self._ui.rstrip('/')}/namespaces/{quote(self._namespace, safe='')}"
            f"/workflows/{workflow}/{run_id}/history"
        )

    async def cancel(self, tenant: str, subscription_id: str, run_id: str | None) -> None:
        """The saga undoes what it has done. Raises Conflict when it does not run."""
        with _said(subscription_id):
            saga = await self._saga(tenant, subscription_id, run_id)
            # The server takes a cancellation of a closed run as well, and does nothing with it.
            found = await saga.describe(rpc_timeout=ANSWER)
            if found.status is not WorkflowExecutionStatus.RUNNING:
                raise _gone(subscription_id)
            await saga.cancel(rpc_timeout=ANSWER)

    async def signal(
        self, tenant: str, subscription_id: str, run_id: str | None, name: str, arguments: list[Any]
    ) -> None:
        with _said(subscription_id):
            saga = await self._saga(tenant, subscription_id, run_id)
            await saga.signal(name, args=arguments, rpc_timeout=ANSWER)

    async def update(
        self,
        tenant: str,
        subscription_id: str,
        run_id: str | None,
        name: str,
        argument: object,
        *,
        key: str,
    ) -> str:
        """The saga's answer once it has acted. The same `key` is acted on once by a run."""
        with _said(subscription_id):
            saga = await self._saga(tenant, subscription_id, run_id)
            async with asyncio.timeout(TAKEN.total_seconds()):
                return str(
                    await saga.execute_update(
                        name, argument, id=key, result_type=str, rpc_timeout=TAKEN
                    )
                )

    async def _saga(
        self, tenant: str, subscription_id: str, run_id: str | None
    ) -> WorkflowHandle[Any, Any]:
        client = await self.client()
        workflow = subscription_workflow_id(tenant, subscription_id)
        return client.get_workflow_handle(workflow, run_id=run_id)


@contextmanager
def _said(subscription_id: str) -> Iterator[None]:
    """The engine's errors in the words of `operations.errors`."""
    try:
        yield
    except WorkflowUpdateFailedError as refused:
        raise _refusal(refused.cause) from refused
    except (RPCTimeoutOrCancelledError, TimeoutError) as fault:
        raise Unavailable(
            f"the saga of subscription {subscription_id} has not answered in time",
            remedy="see with `trueup status` that a worker runs, look whether it was taken after "
            "all, and if not, do it again: doing it twice is harmless",
        ) from fault
    except RPCError as fault:
        raise _rpc(fault, subscription_id) from fault
    except RuntimeError as fault:
        raise _away("cannot be reached") from fault


def _refusal(cause: BaseException) -> NotDone:
    """The saga's own no, by the type that its validator gave it (workflows/desk.py)."""
    said = cause.message if isinstance(cause, ApplicationError) else str(cause)
    match cause:
        case ApplicationError(type="NothingCorrected"):
            return Invalid(said, remedy="send the mapping that was missing, or decide `retry`")
        case _:
            return Conflict(
                f"the saga did not take the decision: {said}",
                remedy="look at the change again: it may have gone on, or wait for something else",
            )


def _rpc(fault: RPCError, subscription_id: str) -> NotDone:
    if fault.status in _NOT_RUNNING:
        return _gone(subscription_id)
    if fault.status is RPCStatusCode.INVALID_ARGUMENT:
        return Invalid(
            f"the workflow engine refused the message for subscription {subscription_id}",
            remedy="send a smaller message, or one of the names in the documentation",
        )
    return _away(f"answered {fault.status.name.lower()}")


def _gone(subscription_id: str) -> Conflict:
    return Conflict(
        f"no saga of subscription {subscription_id} runs that could hear this",
        remedy="look at the change again: it has settled, or is about to be given up for lost",
    )


def _away(how: str) -> Unavailable:
    return Unavailable(
        f"the workflow engine (Temporal) {how}",
        remedy="nothing is lost: see `trueup status`, and do it again when it is back",
    )
