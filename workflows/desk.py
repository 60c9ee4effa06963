"""Where a saga waits for a person: one exception at a time, decided by Update or Signal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

from activities.contracts.exceptions import ExceptionActivities, Opened, Resumed
from activities.contracts.failure import FailureDetail
from canonical_models.exceptions import Action, Raised, Resolution, decisions_of
from canonical_models.failures import FailureClass, Team
from canonical_models.money import Money
from canonical_models.process import Process
from workflows.names import EXCEPTION, STAGE
from workflows.policies import KEEPING
from workflows.saga import heed_cancellation

Done = TypeVar("Done")


class Aborted(Exception):
    """A person decided to undo the change. `reason` names who, and why."""

    def __init__(self, resolution: Resolution) -> None:
        self.reason = f"aborted by {resolution.by}" + (
            f": {resolution.note}" if resolution.note else ""
        )
        super().__init__(self.reason)


@dataclass
class _Question:
    opened: Opened
    owner: Team
    code: str
    decision: Resolution | None = None


class ExceptionDesk:
    """Of a change, or of a `process` under its own name."""

    def __init__(self, tenant: str, change_id: str, process: Process | None = None) -> None:
        self._tenant, self._change_id, self._process = tenant, change_id, process
        self._one_at_a_time = asyncio.Lock()
        self._question: _Question | None = None

    @property
    def exception_id(self) -> str | None:
        """The exception that is open now."""
        return self._question.opened.exception_id if self._question else None

    def refuse(self, resolution: Resolution) -> None:
        """Raises ApplicationError when this decision cannot be taken now."""
        if self._question is None or resolution.exception_id != self.exception_id:
            raise ApplicationError(
                f"exception {resolution.exception_id} is not open: the change waits for "
                f"{self.exception_id or 'nobody'}",
                type="NotOpen",
            )
        if self._question.decision is not None:
            raise ApplicationError(
                f"exception {resolution.exception_id} has just been decided", type="NotOpen"
            )
        allowed = decisions_of(self._question.code)
        if resolution.action not in allowed:
            raise ApplicationError(
                f"exception {resolution.exception_id} ({self._question.code}) takes "
                f"{', '.join(action.value for action in allowed)}, not {resolution.action.value}",
                type="NotOpen",
            )
        if resolution.action is Action.CORRECT and not (resolution.account or resolution.item):
            raise ApplicationError(
                "a correction needs the account or the item mapping that was missing",
                type="NothingCorrected",
            )

    def decide(self, resolution: Resolution) -> None:
        self.refuse(resolution)
        if self._question is not None:
            self._question.decision = resolution

    async def taken(self, resolution: Resolution) -> None:
        """Until the saga has acted on the decision."""
        await workflow.wait_condition(lambda: self.exception_id != resolution.exception_id)

    async def until_done(
        self,
        name: str,
        run: Callable[[], Awaitable[Done]],
        amount: Callable[[], Money | None] = lambda: None,
    ) -> Done:
        """Run a step until it is done; a person decides what its retries could not. Raises Aborted
        when that is the decision."""
        while True:
            try:
                return await run()
            except FailureError as fault:
                if is_cancelled_exception(fault):
                    raise asyncio.CancelledError from fault
                heed_cancellation()
                resolution = await self.ask(name, fault, amount())
                if resolution.action is Action.ABORT:
                    raise Aborted(resolution) from fault

    async def ask(self, step: str, fault: FailureError, amount: Money | None) -> Resolution:
        """Open an exception for the failed step, wait for a decision, apply it and answer it."""
        async with self._one_at_a_time:
            cause = cause_of(fault)
            detail = _detail(cause)
            message = cause.message
            opened = await workflow.execute_local_activity_method(
                ExceptionActivities.open,
                Raised(
                    tenant=self._tenant,
                    change_id=self._change_id,
                    step=step,
                    system=detail.system,
                    failure_class=detail.failure_class.value,
                    code=detail.code,
                    subject=detail.subject,
                    owner=detail.owner.value,
                    message=message[:2000],
                    amount_at_risk=amount,
                    process=self._process,
                ),
                **KEEPING,
            )
            self._question = _Question(opened, detail.owner, detail.code)
            dropped = False
            try:
                _show(step, opened, detail, message)
                decision = await self._decision(self._question)
                await workflow.execute_local_activity_method(
                    ExceptionActivities.resume,
                    Resumed(tenant=self._tenant, change_id=self._change_id, resolution=decision),
                    **KEEPING,
                )
            except GeneratorExit:
                # A worker that stops drops a waiting saga outside of its loop, maybe in the middle
                # of another saga's turn.
                dropped = True
                raise
            finally:
                self._question = None
                if not dropped:
                    workflow.upsert_search_attributes(
                        [EXCEPTION.value_unset(), STAGE.value_set("running")]
                    )
            return decision

    async def _decision(self, question: _Question) -> Resolution:
        due = timedelta(seconds=question.opened.due_seconds)
        try:
            await workflow.wait_condition(lambda: question.decision is not None, timeout=due)
        except TimeoutError:
            await workflow.execute_local_activity_method(
                ExceptionActivities.escalate, question.opened, **KEEPING
            )
            workflow.upsert_search_attributes([STAGE.value_set("escalated")])
            await workflow.wait_condition(lambda: question.decision is not None)
        if question.decision is None:
            raise AssertionError("a decision was waited for and is not there")
        return question.decision


def _show(step: str, opened: Opened, detail: FailureDetail, message: str) -> None:
    decisions = "|".join(action.value for action in decisions_of(detail.code))
    workflow.upsert_search_attributes(
        [EXCEPTION.value_set(detail.code), STAGE.value_set("waiting")]
    )
    workflow.set_current_details(
        f"**Waits for {detail.owner.value}** since {workflow.now():%Y-%m-%d %H:%M} UTC: "
        f"{step} could not be done ({detail.code}).\n\n{message}\n\n"
        f"Decide with `trueup exceptions resolve {opened.exception_id} {decisions}`, or "
        "here with the Update `resolve`. Cancelling the workflow undoes the change."
    )


def cause_of(fault: FailureError) -> FailureError:
    """What the activity raised: wrapped when it ran remotely, bare when it ran locally."""
    if isinstance(fault, ActivityError) and isinstance(fault.cause, FailureError):
        return fault.cause
    return fault


def _detail(cause: FailureError) -> FailureDetail:
    """The adapter's own account of the failure; a bug or a lost worker has none."""
    if isinstance(cause, ApplicationError) and cause.details:
        return FailureDetail.model_validate(cause.details[0], strict=False)
    return FailureDetail(
        failure_class=FailureClass.TRANSIENT,
        code="unexpected" if isinstance(cause, ApplicationError) else "timed_out",
        owner=Team.OPERATIONS,
        system="trueup",
    )
