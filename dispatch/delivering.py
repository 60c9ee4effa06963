"""Hands decisions over to the workflows that wait for them.

The rows are the truth: one that could not be handed over now is handed over by the next look. Under
one id a run takes an Update once, so the same decision may be sent as often as it takes; the saga
closes its row in the transaction in which it acts on it.
"""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError

from canonical_models.decisions import Outcome, Target
from canonical_models.exceptions import Resolution
from dispatch.starting import AWAY, RPC_TIMEOUT
from persistence import decisions
from persistence.database import Database
from persistence.decisions import Underway
from workflows.names import RESOLVE, change_workflow_id

log = structlog.get_logger()

_RUNNING = WorkflowExecutionStatus.RUNNING
_AT_ONCE = 8
_LIMIT = 100
#: A saga may be in the middle of a step that it does not interrupt.
_ACCEPTED_WITHIN = timedelta(seconds=10)


class Deliverer:
    """Safe to run in several dispatchers."""

    def __init__(self, database: Database, client: Client) -> None:
        self._database = database
        self._client = client

    async def deliver(self) -> None:
        """One look at all that is underway. Raises RPCError, or RuntimeError from a first
        connection, while Temporal is away."""
        async with self._database.transaction() as conn:
            await decisions.outlived(conn)
            found = await decisions.all_underway(conn, limit=_LIMIT)
        gate = asyncio.Semaphore(_AT_ONCE)
        results = await asyncio.gather(
            *(self._hand_over(underway, gate) for underway in found), return_exceptions=True
        )
        for fault in results:
            if isinstance(fault, BaseException):
                raise fault
        if found:
            async with self._database.transaction() as conn:
                await decisions.outlived(conn)

    async def _hand_over(self, decision: Underway, gate: asyncio.Semaphore) -> None:
        known = log.bind(decision_id=decision.decision_id, target=decision.target_id)
        async with gate:
            try:
                match decision.target_kind:
                    case Target.EXCEPTION:
                        await self._answer(decision)
                    case Target.CHANGE:
                        await self._cancel(decision)
                    case _:
                        raise AssertionError(f"nobody waits for a {decision.target_kind}")
            except WorkflowUpdateFailedError as refused:
                # Its run has not come to the question yet, or is past it: then the row is closed.
                known.info("decision not taken yet", why=str(refused.cause))
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                known.warning("decision not taken yet", why="the workflow does not answer")
            except RPCError as fault:
                if fault.status in AWAY:
                    raise
                known.info("decision not taken yet", why=fault.message)

    async def _answer(self, decision: Underway) -> None:
        """Without a run: the question's id is of one run alone, or of those that follow it."""
        workflow_id = decision.workflow_id or _saga(decision)
        await self._client.get_workflow_handle(workflow_id).start_update(
            RESOLVE,
            Resolution.model_validate(decision.after, strict=False),
            id=decision.decision_id,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            rpc_timeout=_ACCEPTED_WITHIN,
        )

    async def _cancel(self, decision: Underway) -> None:
        """A change between two runs is cancelled once the next one is written down: the server
        takes a cancellation of a closed run as well, and does nothing with it."""
        if decision.run_id is None:
            return
        saga = self._client.get_workflow_handle(_saga(decision), run_id=decision.run_id)
        if (await saga.describe(rpc_timeout=RPC_TIMEOUT)).status is not _RUNNING:
            return
        await saga.cancel(rpc_timeout=RPC_TIMEOUT)
        async with self._database.transaction() as conn:
            await decisions.close(conn, decision.decision_id, Outcome.TAKEN)


def _saga(decision: Underway) -> str:
    if decision.subject is None:
        raise AssertionError(f"{decision.decision_id} is about something that does not exist")
    return change_workflow_id(decision.tenant, decision.subject)
