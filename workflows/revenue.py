"""Deferred revenue of new fiscal years: picked up once a day, by a schedule of each tenant."""

from temporalio import workflow

from activities.contracts.revenue import Extended, RevenueActivities, RevenueInput
from workflows.names import REVENUE
from workflows.policies import at


@workflow.defn(name=REVENUE)
class RevenueSchedules:
    @workflow.run
    async def run(self, given: RevenueInput) -> Extended:
        return await workflow.execute_activity_method(
            RevenueActivities.extend,
            given,
            summary="months of new fiscal years",
            **at("erp", given.tenant),
        )
