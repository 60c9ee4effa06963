"""The account saga: what billing says of a customer beside its subscriptions.

    prepare -> master data -> post documents -> settle them -> prove, publish

Documents that stand alone or concern several subscriptions, the customer's balance, and its name,
address and tax ids. Master data is carried on before the next document is posted. Order is the
workflow id: one saga of an account is open at a time.
"""

from temporalio import workflow

from activities.contracts.amendment import AccountActivities, Prepared, Settled, UndoneInput
from canonical_models.exceptions import Track
from workflows.books import BooksTrack
from workflows.names import ACCOUNT, ChangeInput
from workflows.policies import LOCAL, WRITE
from workflows.saga import Saga, heed_cancellation
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
        return await workflow.execute_local_activity_method(
            AccountActivities.prepare, self.step(), summary="plan", **LOCAL
        )

    async def _master_data_and_books(self, plan: Prepared, undo: Saga) -> None:
        if plan.access:
            self.tell("carrying the customer's master data on")
            await workflow.execute_activity_method(
                AccountActivities.update_master_data,
                self.step(plan),
                summary="master data",
                **WRITE,
            )
            heed_cancellation()
        await self._books.keep(plan, undo)

    async def settle(self) -> Settled:
        return await workflow.execute_local_activity_method(
            AccountActivities.settle, self.step(), summary="prove", **LOCAL
        )

    async def settle_undone(self, undone: UndoneInput) -> None:
        await workflow.execute_activity_method(
            AccountActivities.settle_undone, undone, summary="record the undo", **WRITE
        )
