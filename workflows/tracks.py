"""What the sagas of subscriptions and accounts share: halves of a plan that go side by side, each
with its own question, and one way to the end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NoReturn, Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.contracts.amendment import (
    CANCELLED,
    Begun,
    BooksActivities,
    Prepared,
    Settled,
    StepInput,
    UndoDocumentInput,
    UndoneInput,
)
from activities.contracts.failure import Question
from canonical_models.exceptions import UNDO_OF, Action, Resolution, Track
from canonical_models.states import ChangeOutcome
from workflows.asking import Asking
from workflows.human_tasks import Aborted, cause_of, question_of
from workflows.moving import continue_on_newest
from workflows.names import (
    CHANGE_KIND,
    ERP_DOCUMENT,
    EXCEPTION,
    NEWER_CHANGE,
    STAGE,
    STATUS,
    ChangeInput,
    Status,
)
from workflows.policies import KEEPING, at
from workflows.saga import (
    Saga,
    Undo,
    drained,
    heed_cancellation,
    is_overtaken,
    side_by_side,
)

#: How a run ends whose change is another run's by now, or nobody's.
OVERTAKEN = "overtaken"


class UndoBegun(Exception):
    """The change is being taken back, by a run that was lost: what is undone is not done again."""


class Half(Protocol):
    """Carries out one half of a plan, as far as it goes. May be done again with a newer plan."""

    async def __call__(self, plan: Prepared, undo: Saga, /) -> None: ...


class ChangeSaga(Asking):
    """A saga derives from it and says how it prepares, settles and records its undo."""

    def __init__(self, change: ChangeInput) -> None:
        super().__init__(change.tenant, change.change_id, epoch=change.epoch)
        self.change = change
        self.plan = Prepared()
        self.undone_because = ""
        self.undone_by = "operator"
        self._words = "about to begin"
        self._document: str | None = None
        self._planning = asyncio.Lock()
        self._tracks: frozenset[Track] = frozenset()
        self._done: dict[Track, Prepared] = {}
        self._stopping = False
        #: The run itself or its tracks, less those that wait.
        self._busy = 1
        self._news = 0
        self._heard = 0

    async def prepare(self) -> Prepared:
        raise NotImplementedError

    def take_back(self, begun: Begun, undo: Saga) -> None:
        """Register the undo of what the change has begun, in whichever of its runs."""
        raise NotImplementedError

    async def settle(self) -> Settled:
        raise NotImplementedError

    async def settle_undone(self, undone: UndoneInput) -> None:
        raise NotImplementedError

    async def to_the_end(self, agree: Callable[[Saga], Awaitable[Settled]]) -> Settled:
        """Run to an agreement, or undo. A person who aborts takes back documents as well; a
        cancellation leaves them, because billing has issued them. A run that was overtaken just
        ends."""
        if workflow.info().continued_run_id is not None:
            workflow.upsert_search_attributes([EXCEPTION.value_unset(), STAGE.value_set("running")])
        try:
            settled = await self._agreed_or_undone(agree)
        except FailureError as fault:
            if not is_overtaken(fault):
                raise
            self.tasks.close()
            workflow.upsert_search_attributes([STAGE.value_set(OVERTAKEN), EXCEPTION.value_unset()])
            settled = Settled(outcome=OVERTAKEN, summary=cause_of(fault).message)
        self.tell(f"{settled.outcome}: {settled.summary}")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return settled

    async def _agreed_or_undone(self, agree: Callable[[Saga], Awaitable[Settled]]) -> Settled:
        undo = Saga()
        try:
            settled = await agree(undo)
        except Aborted as aborted:
            self.undone_by = aborted.by
            return await drained(self._undo(undo, aborted.reason, facts=True))
        except UndoBegun:
            reason = "an earlier run was lost while it took it back"
            return await drained(self._undo(undo, reason, facts=False))
        except asyncio.CancelledError:
            await drained(self._undo(undo, CANCELLED, facts=False))
            raise
        except FailureError as fault:
            if not is_overtaken(fault):
                await drained(self._undo(undo, f"failed: {fault}", facts=False))
            raise
        self._close(settled.outcome)
        return settled

    async def planned(self) -> None:
        """A plan from what is so now. That none can be made is a question of its own."""
        self._heard = self._news
        self.plan = await self.tasks.until_done("plan", self.prepare, lambda: self.plan.amount)
        if self.plan.aborted is not None:
            raise Aborted(self.plan.aborted)
        if self.plan.undoing:
            raise UndoBegun
        heed_cancellation()

    async def side_by_side(self, halves: Mapping[Track, Half], undo: Saga) -> None:
        """Until each half has done all that the newest plan says of it: one that is done goes on
        when the other has been planned anew."""
        self._tracks = frozenset(halves)
        self._busy = len(halves)
        try:
            await side_by_side(*(self._track(track, half, undo) for track, half in halves.items()))
        finally:
            self._busy = 1

    def is_done(self, track: Track, plan: Prepared) -> bool:
        """Whether the track has nothing more to do under this plan, or a newer one has come."""
        return self._done.get(track) is plan or self.plan is not plan

    async def _track(self, track: Track, half: Half, undo: Saga) -> None:
        try:
            await self._to_quiet(track, half, undo)
        except BaseException:
            # The other track is stopped now. A step of its that ends well although it was stopped
            # answers its result, and the request is forgotten: it is looked for after each step.
            self._stopping = True
            raise

    async def _to_quiet(self, track: Track, half: Half, undo: Saga) -> None:
        while True:
            plan = self.plan
            question = await _attempted(half, plan, undo)
            # A step is refused as soon as the plan is made anew, which the other track may be
            # having done just now.
            await self._until(lambda: not self._planning.locked())
            if self.plan is not plan:
                continue
            question = question or _refusal(track, plan)
            if question is None:
                await self.tasks.withdraw(track)
                self._done[track] = plan
                await self._until(lambda: self.plan is not plan or self._quiet)  # noqa: B023 - waited for in this turn
                if self._quiet:
                    return
                continue
            await self.tasks.keep(track, _STEPS[track], question, plan.amount)
            decision = await self._decision(track, plan)
            if decision is not None and decision.action is Action.ABORT:
                raise Aborted(decision)
            # What a decision has brought may be unknown to a plan that was made meanwhile.
            await self.plan_anew(None if decision else plan)

    async def _decision(self, track: Track, plan: Prepared) -> Resolution | None:
        """None where the plan is to be made anew before anybody has decided."""

        def moved() -> bool:
            return self.has_news or self.plan is not plan

        while True:
            await self._until(lambda: self.tasks.decided(track) or moved(), self.wait_long)
            decision = await self.tasks.take(track)
            if decision is not None or moved():
                return decision

    async def _until(
        self,
        condition: Callable[[], bool],
        wait: Callable[[Callable[[], bool]], Awaitable[None]] | None = None,
    ) -> None:
        self._heed_stop()
        await (wait or self._wait)(lambda: condition() or self._stopping)
        self._heed_stop()

    async def _wait(self, done: Callable[[], bool]) -> None:
        with self._resting():
            await workflow.wait_condition(done)

    async def wait_long(self, done: Callable[[], bool]) -> None:
        """A new run plans anew: what this one has done is found, and its questions are kept."""
        with self._resting():
            await super().wait_long(done)

    @contextlib.contextmanager
    def _resting(self) -> Iterator[None]:
        self._busy -= 1
        try:
            yield
        finally:
            self._busy += 1

    @property
    def idle(self) -> bool:
        """An undo that has begun is ended in this run."""
        return not self._busy and not self.undone_because

    def go_on(self) -> NoReturn:
        continue_on_newest(self.change)

    def _heed_stop(self) -> None:
        heed_cancellation()
        if self._stopping:
            raise asyncio.CancelledError

    @property
    def _quiet(self) -> bool:
        return all(self._done.get(track) is self.plan for track in self._tracks)

    async def plan_anew(self, old: Prepared | None) -> None:
        """In place of an old plan, for which both tracks may ask: one serves both. Without one, in
        any case."""
        with self._resting():
            await self._planning.acquire()
        try:
            if old is None or self.plan is old:
                await self.planned()
        finally:
            self._planning.release()

    async def proven(self) -> Settled | None:
        """The point of no return: what has been settled as done is not undone any more, so a
        cancellation waits for the answer. It takes effect if the answer is no. None where a person
        was asked, and all is to be looked at again since it was decided or there is news."""
        self.tell("proving the outcome by reading every system back")
        try:
            settled = await drained(self.settle())
        except FailureError as fault:
            if is_cancelled_exception(fault):
                raise asyncio.CancelledError from fault
            if is_overtaken(fault):
                raise
            heed_cancellation()
            decision = await self.tasks.ask_unless(
                lambda: self.has_news, "prove and write back", question_of(fault), self.plan.amount
            )
            if decision is not None and decision.action is Action.ABORT:
                raise Aborted(decision) from fault
            return None
        # Its question was closed with the change.
        self.tasks.forget(Track.PROCESS)
        return settled

    @property
    def has_news(self) -> bool:
        return self._news > self._heard

    def step(self, plan: Prepared | None = None) -> StepInput:
        return StepInput(
            tenant=self.change.tenant,
            change_id=self.change.change_id,
            epoch=self.change.epoch,
            digest=(plan or self.plan).digest,
        )

    def posted(self, number: str) -> None:
        self._document = number

    def tell(self, words: str) -> None:
        """Free of charge: details are not in the history. While a person is asked, the question
        stays to be seen. What the change is the plan has found."""
        self._words = words
        if self.tasks.exception_id is None:
            found = f"**{self.plan.summary}**\n\n" if self.plan.summary else ""
            workflow.set_current_details(found + words)

    async def _undo(self, undo: Saga, reason: str, *, facts: bool) -> Settled:
        self.undone_because = reason
        self.tell(f"undoing: {reason}")
        begun = await workflow.execute_local_activity_method(
            BooksActivities.begun, self.step(), summary="what is to be undone", **KEEPING
        )
        self.take_back(begun, undo)
        # A run before this one may have taken all of it back, and been lost before it said so.
        touched = undo.touched or self.plan.undoing
        outcome = ChangeOutcome.COMPENSATED if touched else ChangeOutcome.CANCELLED

        money = begun.money

        async def end_money() -> None:
            nonlocal money
            if money:
                await self._undo_step("money that was begun", self._end_settling)
            money = False

        async def step(name: str, undo_it: Undo) -> None:
            document = facts and undo.is_fact(name)
            if document:
                # An entry is known by the document that it settles.
                await end_money()
            await self._undo_step(name, undo_it, document=document)

        await undo.compensate(step, facts=facts)
        # As late as can be, so that access does not wait for the ERP.
        await end_money()
        undone = UndoneInput(
            tenant=self.change.tenant,
            change_id=self.change.change_id,
            epoch=self.change.epoch,
            outcome=outcome,
            reason=reason,
            aborted=facts,
        )
        await self._undo_step("record of the undo", lambda: self.settle_undone(undone))
        self._close(outcome)
        self.tell(f"{outcome}: {reason}")
        return Settled(outcome=outcome, summary=reason)

    async def _end_settling(self) -> None:
        await workflow.execute_activity_method(
            BooksActivities.end_settling,
            # No plan of this run: what was begun may be of an earlier one.
            StepInput(
                tenant=self.change.tenant,
                change_id=self.change.change_id,
                epoch=self.change.epoch,
            ),
            summary="end what was begun of money",
            **at(self.plan.lane or "erp", self.change.tenant),
        )

    async def _undo_step(self, name: str, undo: Undo, *, document: bool = False) -> None:
        """To the end. Where a machine cannot undo, `abort` says that a person has done it, and of a
        `document` that what hangs on it is free again."""
        while True:
            try:
                return await undo()
            except FailureError as fault:
                if is_overtaken(fault):
                    raise
                decision = await self.tasks.ask(
                    f"{UNDO_OF}{name}", question_of(fault), self.plan.amount
                )
                if decision.action is not Action.ABORT:
                    continue
                if document:
                    await workflow.execute_local_activity_method(
                        BooksActivities.closed_by_hand,
                        UndoDocumentInput(
                            tenant=self.change.tenant,
                            change_id=self.change.change_id,
                            epoch=self.change.epoch,
                            document_id=name,
                            reason=decision.note or "taken back by hand",
                            by=decision.by,
                        ),
                        **KEEPING,
                    )
                return None

    @workflow.signal(name=NEWER_CHANGE)
    def newer_change(self) -> None:
        """A newer change waits. A saga that waits for a person looks at billing again: what it
        asks may have answered itself, and access follows at once."""
        self._news += 1

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        return Status(
            stage="waiting" if self.tasks.exception_id else "running",
            words=self._words,
            exception_id=self.tasks.exception_id,
            newer_changes=self._news,
        )

    def _close(self, outcome: str) -> None:
        """All search attributes in one upsert: each upsert is a billed action."""
        found = [STAGE.value_set(outcome), CHANGE_KIND.value_set(self.plan.kind.value)]
        if self._document is not None:
            found.append(ERP_DOCUMENT.value_set(self._document))
        workflow.upsert_search_attributes(found)


_STEPS = {
    Track.BOOKS: "books",
    Track.ACCESS: "access",
    Track.PROCESS: "process",
}


async def _attempted(half: Half, plan: Prepared, undo: Saga) -> Question | None:
    """None when the half is done; a person's question when its retries could not do it."""
    try:
        await half(plan, undo)
    except FailureError as fault:
        if is_cancelled_exception(fault):
            raise asyncio.CancelledError from fault
        if is_overtaken(fault):
            raise
        return question_of(fault)
    return None


def _refusal(track: Track, plan: Prepared) -> Question | None:
    return plan.books_question if track is Track.BOOKS else plan.access_question
