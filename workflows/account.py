"""The account saga: what billing says of a customer beside its subscriptions.

    prepare -> master data -> post documents -> settle them -> prove, publish

Documents that stand alone or concern several subscriptions, the customer's balance, and its name,
address and tax ids. Master data is carried on before the next document is posted. Order is the
workflow id: one saga of an account is open at a time.
"""

from temporalio import workflow

from activities.contracts.amendment import (
    AccountActivities,
    Begun,
    Prepared,
    Settled,
    UndoneInput,
)
from canonical_models.exceptions import Track
from workflows.books import BooksTrack
from workflows.names import ACCOUNT, ChangeInput
from workflows.policies import at
from workflows.saga import Saga, heed_cancellation, promptly
from workflows.tracks import ChangeSaga


@workflow.defn(name=ACCOUNT)
class AccountSaga(ChangeSaga):
    @workflow.init
    def __init__(self, change: ChangeInput) -> None:
        super().__init__(change)
        self._books = BooksTrack(self)

    @workflow.run
    async def run(self, change: ChangeInput) -> Settled:
        return await self.to_the_end(self._agree)

    async def _agree(self, undo: Saga) -> Settled:
        while True:
            await self.planned()
            if self.plan.settled:
                return Settled(outcome=self.plan.outcome, summary=self.plan.summary)
            await self.side_by_side({Track.BOOKS: self._master_data_and_books}, undo)
            heed_cancellation()
            settled = await self.proven()
            if settled is not None:
                return settled

    async def prepare(self) -> Prepared:
        self.tell("reading the customer's account and checking every precondition")
        return await promptly(
            AccountActivities.prepare, self.step(), "plan", at("billing", self.change.tenant)
        )

    def take_back(self, begun: Begun, undo: Saga) -> None:
        for document_id in begun.documents:
            self._books.take_back(document_id, undo)

    async def _master_data_and_books(self, plan: Prepared, undo: Saga) -> None:
        if plan.access:
            self.tell("carrying the customer's master data on")
            await workflow.execute_activity_method(
                AccountActivities.update_master_data,
                self.step(plan),
                summary="master data",
                **at("erp", self.change.tenant),
            )
            heed_cancellation()
        await self._books.keep(plan, undo)

    async def settle(self) -> Settled:
        return await promptly(
            AccountActivities.settle, self.step(), "prove", at("erp", self.change.tenant)
        )

    async def settle_undone(self, undone: UndoneInput) -> None:
        await workflow.execute_activity_method(
            AccountActivities.settle_undone,
            undone,
            summary="record the undo",
            **at("billing", self.change.tenant),
        )
