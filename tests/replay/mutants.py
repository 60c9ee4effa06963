"""The saga with mistakes in it, to prove that the gates see them."""

from temporalio import workflow

from activities.contracts.amendment import AmendmentActivities, Settled, StepInput
from workflows.amendment import AmendmentSaga
from workflows.names import AMENDMENT, AmendmentInput
from workflows.policies import LOCAL, ONCE, WRITE
from workflows.saga import Saga


@workflow.defn(name=AMENDMENT)
class SupportBeforeErp(AmendmentSaga):
    """Support is told before the ERP has the document."""

    @workflow.init
    def __init__(self, change: AmendmentInput) -> None:
        super().__init__(change)

    @workflow.run
    async def run(self, change: AmendmentInput) -> Settled:
        return await super().run(change)

    async def _plan_and_post(self, saga: Saga) -> None:
        self._plan = await workflow.execute_local_activity_method(
            AmendmentActivities.prepare, self._input(), summary="plan", **LOCAL
        )
        await self._entitle(saga)
        await workflow.execute_activity_method(
            AmendmentActivities.post_document, self._input(), summary="post", **WRITE
        )


@workflow.defn(name=AMENDMENT)
class GrantsWithoutDigest(AmendmentSaga):
    """Entitlements are changed without saying by which plan."""

    @workflow.init
    def __init__(self, change: AmendmentInput) -> None:
        super().__init__(change)

    @workflow.run
    async def run(self, change: AmendmentInput) -> Settled:
        return await super().run(change)

    async def _give(self) -> None:
        await workflow.execute_local_activity_method(
            AmendmentActivities.entitle,
            StepInput(tenant=self._change.tenant, change_id=self._change.change_id),
            summary="entitle",
            **ONCE,
        )
