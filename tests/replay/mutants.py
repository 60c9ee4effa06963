"""The saga with mistakes in it, to prove that the gates see them."""

from temporalio import workflow

from activities.contracts.amendment import (
    AmendmentActivities,
    BooksActivities,
    Prepared,
    Settled,
    StepInput,
)
from workflows.amendment import AmendmentSaga
from workflows.books import BooksTrack
from workflows.names import AMENDMENT, ChangeInput
from workflows.policies import WRITE, at
from workflows.saga import Saga, promptly


class _MoneyFirst(BooksTrack):
    async def keep(self, plan: Prepared, undo: Saga) -> None:
        if plan.settlements:
            await workflow.execute_activity_method(
                BooksActivities.settle_documents,
                self._saga.step(plan),
                summary="settle documents",
                **WRITE,
            )
        await super().keep(plan.model_copy(update={"settlements": False}), undo)


@workflow.defn(name=AMENDMENT)
class MoneyBeforeDocuments(AmendmentSaga):
    """Money is entered before the ERP has the document that it settles."""

    @workflow.init
    def __init__(self, change: ChangeInput) -> None:
        super().__init__(change)
        self._books = _MoneyFirst(self)

    @workflow.run
    async def run(self, change: ChangeInput) -> Settled:
        return await super().run(change)


@workflow.defn(name=AMENDMENT)
class GrantsWithoutDigest(AmendmentSaga):
    """Entitlements are changed without saying by which plan."""

    @workflow.init
    def __init__(self, change: ChangeInput) -> None:
        super().__init__(change)

    @workflow.run
    async def run(self, change: ChangeInput) -> Settled:
        return await super().run(change)

    async def _give_access(self, plan: Prepared, undo: Saga) -> None:
        if plan.access:
            undo.undo_with("access", self._restore_access)
            given = StepInput(tenant=self.change.tenant, change_id=self.change.change_id)
            await promptly(
                AmendmentActivities.entitle,
                given,
                "entitlements and support",
                at("support", self.change.tenant),
            )
