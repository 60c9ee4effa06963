"""Where a saga waits for people: one question a track at a time, decided by Update or Signal.

A change has a track for the books and one for access, so that a question about money never keeps
what billing says about access. A question is kept as long as its cause is the same: it keeps its
id and its clock while the saga tries again and while newer changes come in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

from activities.contracts.exceptions import (
    NOT_ADMITTED,
    ExceptionActivities,
    Opened,
    Resumed,
    Withdrawn,
)
from activities.contracts.failure import FailureDetail, Question
from canonical_models.exceptions import Action, Raised, Resolution, Track, decisions_of
from canonical_models.failures import FailureClass, Team
from canonical_models.money import Money
from canonical_models.process import Process
from workflows.names import EXCEPTION, STAGE
from workflows.policies import KEEPING
from workflows.saga import heed_cancellation, is_overtaken

Done = TypeVar("Done")


class Aborted(Exception):
    """A person decided to undo the change. `reason` names who, and why."""

    def __init__(self, resolution: Resolution) -> None:
        self.by = resolution.by
        self.reason = f"aborted by {resolution.by}" + (
            f": {resolution.note}" if resolution.note else ""
        )
        super().__init__(self.reason)


@dataclass
class _Open:
    question: Question
    opened: Opened
    step: str
    decision: Resolution | None = None
    #: The last decision that was not admitted, and why.
    refused: tuple[Resolution, str] | None = None
    #: Nobody has said since the change went on that it waits for this one.
    stale: bool = False
    clock: asyncio.Task[None] | None = field(default=None, repr=False)


class HumanTasks:
    """Of a change, whose run was started for its claim `epoch`, or of a `process` under its own
    name."""

    def __init__(
        self,
        tenant: str,
        change_id: str,
        process: Process | None = None,
        *,
        epoch: int | None = None,
        wait: Callable[[Callable[[], bool]], Awaitable[None]] = workflow.wait_condition,
    ) -> None:
        self._tenant, self._change_id, self._process = tenant, change_id, process
        self._epoch = epoch
        self._wait = wait
        self._open: dict[Track, _Open] = {}
        #: What an earlier run may have asked, until it is found out whether it is asked still.
        continued = workflow.info().continued_run_id is not None
        begun_before = continued or (epoch is not None and epoch > 1)
        self._inherited = set(Track) if begun_before else set()
        if process is not None:
            self._inherited = {Track.PROCESS}
        self._opening = asyncio.Lock()
        self._closed = False

    @property
    def exception_id(self) -> str | None:
        """An exception that is open now: the books' first."""
        for track in Track:
            if track in self._open:
                return self._open[track].opened.exception_id
        return None

    def refuse(self, resolution: Resolution) -> None:
        """Raises ApplicationError when this decision cannot be taken now."""
        asked = self._asked(resolution.exception_id)
        if asked is None:
            waits = ", ".join(entry.opened.exception_id for entry in self._open.values())
            raise ApplicationError(
                f"exception {resolution.exception_id} is not open: the change waits for "
                f"{waits or 'nobody'}",
                type="NotOpen",
            )
        if asked.decision is not None:
            raise ApplicationError(
                f"exception {resolution.exception_id} has just been decided", type="NotOpen"
            )
        code = asked.question.detail.code
        allowed = decisions_of(code)
        if resolution.action not in allowed:
            raise ApplicationError(
                f"exception {resolution.exception_id} ({code}) takes "
                f"{', '.join(action.value for action in allowed)}, not {resolution.action.value}",
                type="NotOpen",
            )
        if resolution.action is Action.CORRECT and not resolution.corrects:
            raise ApplicationError(
                "a correction needs what was missing: an account or item mapping, or a document's "
                "tax code, date or ERP document",
                type="NothingCorrected",
            )

    def decide(self, resolution: Resolution) -> None:
        self.refuse(resolution)
        if (asked := self._asked(resolution.exception_id)) is not None:
            asked.decision = resolution

    async def taken(self, resolution: Resolution) -> None:
        """Until the saga has acted on the decision. Raises ApplicationError where it was not
        admitted, or where the run ended without that."""
        asked = self._asked(resolution.exception_id)
        await workflow.wait_condition(
            lambda: (
                (now := self._asked(resolution.exception_id)) is None
                or now.decision is not resolution
            )
        )
        if asked is not None and asked.refused is not None and asked.refused[0] is resolution:
            raise ApplicationError(asked.refused[1], type=NOT_ADMITTED)
        if self._closed:
            raise ApplicationError(
                f"exception {resolution.exception_id} is asked by a newer run of the change: "
                "decide again",
                type="NotOpen",
            )

    def close(self) -> None:
        """The run ends and leaves what it asked to a newer one."""
        self._closed = True
        self._open.clear()

    def decided(self, track: Track) -> bool:
        return track in self._open and self._open[track].decision is not None

    async def keep(self, track: Track, step: str, question: Question, amount: Money | None) -> None:
        """Ask this of the track; what is asked already is kept, another question is replaced."""
        known = self._open.get(track)
        if known is not None and known.question.same_cause(question) and not known.stale:
            return
        # One after the other: each opening waits for an answer, and both show on the workflow.
        async with self._opening:
            if known is not None and not known.question.same_cause(question):
                await self._close(track, "it was answered by what came after")
            opened = await workflow.execute_local_activity_method(
                ExceptionActivities.open,
                Raised(
                    tenant=self._tenant,
                    change_id=self._change_id,
                    epoch=self._epoch,
                    track=track,
                    step=step,
                    system=question.detail.system,
                    failure_class=question.detail.failure_class.value,
                    code=question.detail.code,
                    subject=question.detail.subject,
                    owner=question.detail.owner.value,
                    message=question.message[:2000],
                    amount_at_risk=amount,
                    process=self._process,
                ),
                **KEEPING,
            )
            self._inherited.discard(track)
            if known is not None and known.opened == opened:
                known.stale = False
            else:
                asked = _Open(question, opened, step)
                self._open[track] = asked
                asked.clock = asyncio.create_task(self._escalate(asked))
            self._show()

    async def withdraw(self, track: Track) -> None:
        """What was asked of the track, in this run or an earlier one, has answered itself."""
        if track in self._open or track in self._inherited:
            async with self._opening:
                await self._close(track, "it has answered itself")

    async def take(self, track: Track) -> Resolution | None:
        """The decision on the track's question, applied; None while there is none that may be."""
        asked = self._open.get(track)
        if asked is None or asked.decision is None:
            return None
        try:
            await workflow.execute_local_activity_method(
                ExceptionActivities.resume,
                Resumed(
                    tenant=self._tenant,
                    change_id=self._change_id,
                    epoch=self._epoch,
                    resolution=asked.decision,
                ),
                **KEEPING,
            )
        except FailureError as fault:
            cause = cause_of(fault)
            if not isinstance(cause, ApplicationError) or cause.type != NOT_ADMITTED:
                raise
            self._go_on_asking(asked, asked.decision, cause.message)
            return None
        self.forget(track)
        # The change runs again, until what the other track asks is found to be asked still.
        for other in self._open.values():
            other.stale = True
        return asked.decision

    async def until_done(
        self,
        name: str,
        run: Callable[[], Awaitable[Done]],
        amount: Callable[[], Money | None] = lambda: None,
        *,
        track: Track = Track.PROCESS,
    ) -> Done:
        """Run a step until it is done; a person decides what its retries could not. Raises Aborted
        when that is the decision."""
        while True:
            try:
                return await run()
            except FailureError as fault:
                if is_cancelled_exception(fault):
                    raise asyncio.CancelledError from fault
                if is_overtaken(fault):
                    raise
                heed_cancellation()
                resolution = await self.ask(name, question_of(fault), amount(), track=track)
                if resolution.action is Action.ABORT:
                    raise Aborted(resolution) from fault

    async def ask(
        self, step: str, question: Question, amount: Money | None, *, track: Track = Track.PROCESS
    ) -> Resolution:
        """Ask, wait for the decision, apply it and answer it."""
        decision = await self.ask_unless(lambda: False, step, question, amount, track=track)
        if decision is None:
            raise AssertionError("a decision was waited for and is not there")
        return decision

    async def ask_unless(
        self,
        answered: Callable[[], bool],
        step: str,
        question: Question,
        amount: Money | None,
        *,
        track: Track = Track.PROCESS,
    ) -> Resolution | None:
        """As `ask`; None where it may have answered itself before anybody decided. It stays asked
        until it is withdrawn."""
        try:
            await self.keep(track, step, question, amount)
            while True:
                await self._wait(lambda: self.decided(track) or answered())
                decision = await self.take(track)
                if decision is not None or answered():
                    return decision
        except asyncio.CancelledError:
            self.forget(track)
            raise

    def _go_on_asking(self, asked: _Open, decision: Resolution, why: str) -> None:
        """Who decided has no leave to, or was not the first: it is asked as before."""
        asked.refused, asked.decision = (decision, why), None
        asked.clock = asyncio.create_task(self._escalate(asked))
        self._show()

    def _asked(self, exception_id: str) -> _Open | None:
        for asked in self._open.values():
            if asked.opened.exception_id == exception_id:
                return asked
        return None

    async def _escalate(self, asked: _Open) -> None:
        """Past the service level it is said loudly, once, and goes on waiting."""
        due = timedelta(seconds=asked.opened.due_seconds)
        try:
            await workflow.wait_condition(
                lambda: asked not in self._open.values() or asked.decision is not None, timeout=due
            )
        except TimeoutError:
            await workflow.execute_local_activity_method(
                ExceptionActivities.escalate, asked.opened, **KEEPING
            )
            if asked in self._open.values():
                workflow.upsert_search_attributes([STAGE.value_set("escalated")])

    async def _close(self, track: Track, why: str) -> None:
        if track not in self._open and track not in self._inherited:
            return
        await workflow.execute_local_activity_method(
            ExceptionActivities.withdraw,
            Withdrawn(
                tenant=self._tenant,
                change_id=self._change_id,
                epoch=self._epoch,
                track=track,
                why=why,
            ),
            **KEEPING,
        )
        self._inherited.discard(track)
        self.forget(track)

    def forget(self, track: Track) -> None:
        """It is asked no more, and its row says so already."""
        asked = self._open.pop(track, None)
        if asked is not None:
            self._show()

    def _show(self) -> None:
        if not self._open:
            workflow.upsert_search_attributes([EXCEPTION.value_unset(), STAGE.value_set("running")])
            return
        first = next(self._open[track] for track in Track if track in self._open)
        workflow.upsert_search_attributes(
            [EXCEPTION.value_set(first.question.detail.code), STAGE.value_set("waiting")]
        )
        workflow.set_current_details("\n\n".join(map(_words, self._open.values())))


def _words(asked: _Open) -> str:
    detail = asked.question.detail
    decisions = "|".join(action.value for action in decisions_of(detail.code))
    refused = ""
    if asked.refused is not None:
        decision, why = asked.refused
        refused = f"\n\n**Not taken:** `{decision.action.value}` by {decision.by}: {why}"
    return (
        f"**Waits for {detail.owner.value}** since {workflow.now():%Y-%m-%d %H:%M} UTC: "
        f"{asked.step} could not be done ({detail.code}).\n\n{asked.question.message}\n\n"
        f"Decide with `trueup exceptions resolve {asked.opened.exception_id} {decisions}`, or "
        "here with the Update `resolve`, as far as it is for operations to decide. Cancelling the "
        f"workflow undoes the change.{refused}"
    )


def cause_of(fault: FailureError) -> FailureError:
    """What the activity raised: wrapped when it ran remotely, bare when it ran locally."""
    if isinstance(fault, ActivityError) and isinstance(fault.cause, FailureError):
        return fault.cause
    return fault


def question_of(fault: FailureError) -> Question:
    """The adapter's own account of the failure; a bug or a lost worker has none."""
    cause = cause_of(fault)
    if isinstance(cause, ApplicationError) and cause.details:
        detail = FailureDetail.model_validate(cause.details[0], strict=False)
    else:
        detail = FailureDetail(
            failure_class=FailureClass.TRANSIENT,
            code="unexpected" if isinstance(cause, ApplicationError) else "timed_out",
            owner=Team.OPERATIONS,
            system="trueup",
        )
    return Question(message=cause.message, detail=detail)
