"""The amendment saga: a change of a subscription reaches ERP, entitlements and support.

    prepare -+- books:  post documents -> settle them -> show what is not billed -+- prove, write
             +- access: entitlements, support -----------------------------------+  back, publish

Books and access go side by side, so that neither waits for what only the other needs. Each step is
a local activity while all is well, so that a saga is one task of the engine; what a vendor has no
place for, or is slow at, or what has failed goes on as an activity of that vendor's queue, with
patience (saga.py, promptly). Each write has its undo registered before it. What a machine cannot
decide waits for a person (human_tasks.py) and goes on from there, from a plan made anew. Order is
the workflow id: one saga of a subscription is open at a time.
"""

from temporalio import workflow

from activities.contracts.amendment import (
    AmendmentActivities,
    Begun,
    Prepared,
    Settled,
    StepInput,
    UndoneInput,
)
from canonical_models.exceptions import Track
from workflows.books import BooksTrack
from workflows.names import AMENDMENT, ChangeInput
from workflows.policies import at
from workflows.saga import Saga, heed_cancellation, promptly
from workflows.tracks import ChangeSaga


@workflow.defn(name=AMENDMENT)
class AmendmentSaga(ChangeSaga):
    @workflow.init
    def __init__(self, change: ChangeInput) -> None:
        super().__init__(change)
        self._books = BooksTrack(self)

    @workflow.run
    async def run(self, change: ChangeInput) -> Settled:
        return await self.to_the_end(self._amend)

    async def _amend(self, undo: Saga) -> Settled:
        while True:
            await self.planned()
            if self.plan.settled:
                return Settled(outcome=self.plan.outcome, summary=self.plan.summary)
            await self.side_by_side(
                {Track.BOOKS: self._books.keep, Track.ACCESS: self._give_access}, undo
            )
            heed_cancellation()
            settled = await self.proven()
            if settled is not None:
                return settled

    async def prepare(self) -> Prepared:
        self.tell("reading billing and checking every precondition")
        return await promptly(
            AmendmentActivities.prepare, self.step(), "plan", at("billing", self.change.tenant)
        )

    def take_back(self, begun: Begun, undo: Saga) -> None:
        if begun.access:
            undo.undo_with("access", self._restore_access)
        for document_id in begun.documents:
            self._books.take_back(document_id, undo)

    async def _give_access(self, plan: Prepared, undo: Saga) -> None:
        if not plan.access:
            return
        if plan.access_waits:
            await workflow.wait_condition(lambda: self.is_done(Track.BOOKS, plan))
            if self.plan is not plan:
                # Though it may say the same: its books are not done.
                return
        undo.undo_with("access", self._restore_access)
        self.tell("changing entitlements and support")
        await promptly(
            AmendmentActivities.entitle,
            self.step(plan),
            "entitlements and support",
            at("support", self.change.tenant),
        )

    async def settle(self) -> Settled:
        return await promptly(
            AmendmentActivities.settle,
            self.step(),
            "prove, write back",
            at("billing", self.change.tenant),
        )

    async def settle_undone(self, undone: UndoneInput) -> None:
        await workflow.execute_activity_method(
            AmendmentActivities.settle_undone,
            undone,
            summary="record the undo",
            **at("billing", self.change.tenant),
        )

    async def _restore_access(self) -> None:
        change = self.change
        given = StepInput(tenant=change.tenant, change_id=change.change_id, epoch=change.epoch)
        await promptly(
            AmendmentActivities.restore_access,
            given,
            "undo: access as before",
            at("support", self.change.tenant),
        )
