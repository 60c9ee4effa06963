"""Deferred revenue that waits for fiscal years which the ERP did not have when it was billed."""

from temporalio import activity

from activities.contracts.revenue import Extended, RevenueActivities, RevenueInput
from activities.error_mapping import mapped_failures
from activities.tenants import Tenants
from canonical_models.failures import ContractDrift, Rejection
from persistence import documents
from persistence.database import Database


class Revenue(RevenueActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="revenue.extend")
    async def extend(self, given: RevenueInput) -> Extended:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            async with self._database.statement() as conn:
                entities = await documents.legal_entities(conn, tenant.name)
            problems = []
            for entity in entities:
                try:
                    await tenant.erp.extend_schedules(entity)
                except (Rejection, ContractDrift) as failure:
                    # One entity that refuses must not keep the others waiting.
                    problems.append(f"{entity}: {failure.message[:300]}")
            return Extended(legal_entities=entities, problems=tuple(problems))
