"""Clearing beside billing's balance: read every so often by a schedule of each tenant, and at once
when somebody asks."""

from temporalio import workflow

from activities.contracts.cash import CashActivities, CashInput, CashLooked
from workflows.names import CASH
from workflows.policies import at


@workflow.defn(name=CASH)
class CashCheck:
    @workflow.run
    async def run(self, given: CashInput) -> CashLooked:
        return await workflow.execute_activity_method(
            CashActivities.look,
            given,
            summary="clearing beside billing's balance",
            **at("erp", given.tenant),
        )
