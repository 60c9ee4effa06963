"""The steps of the account saga that are the account's own: plan, master data, proof, end."""

from temporalio import activity

from activities.agreed_state import commit_agreed_state
from activities.contracts.amendment import (
    AccountActivities,
    Prepared,
    Settled,
    StepInput,
    UndoneInput,
)
from activities.error_mapping import mapped_failures
from activities.events import completed
from activities.kept_plans import owner_of, owner_of_plan, plan_of
from activities.master_data import carry_on
from activities.preparing import Preparation
from activities.shadowing import Shadowing
from activities.tenants import Tenants
from activities.undoing import settle_undone
from activities.verification import done_of, prove, require_agreement
from canonical_models.states import ChangeOutcome
from persistence import changes, outbox
from persistence.database import Database
from persistence.ownership import require


class Account(AccountActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._preparation = Preparation(database)
        self._shadowing = Shadowing(database)

    @activity.defn(name="account.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        with mapped_failures():
            run = activity.info().workflow_run_id or ""
            tenant = self._tenants[step.tenant]
            if tenant.shadow:
                return await self._shadowing.of_change(tenant, step, run)
            return await self._preparation.of_account(tenant, step, run)

    @activity.defn(name="account.update_master_data")
    async def update_master_data(self, step: StepInput) -> None:
        with mapped_failures():
            tenant = self._tenants[step.tenant]
            plan = await plan_of(self._database, step)
            async with self._database.statement() as conn:
                await require(conn, owner_of_plan(step))
            profile = await tenant.billing.account(plan.amendment.customer_id)
            await carry_on(self._database, tenant, profile)

    @activity.defn(name="account.settle")
    async def settle(self, step: StepInput) -> Settled:
        with mapped_failures():
            tenant = self._tenants[step.tenant]
            done = await done_of(self._database, step)
            plan = done.plan
            if done.settled is not None:
                return Settled(outcome=done.settled, summary=plan.amendment.summary)
            proof = await prove(tenant, self._database, done)
            require_agreement(plan, proof)
            async with self._database.transaction() as conn:
                await changes.settle(
                    conn,
                    tenant.name,
                    plan.change_id,
                    outcome=ChangeOutcome.COMPLETED,
                    proof=proof.model_dump_json(),
                    owner=owner_of(step),
                )
                async with conn.pipeline():
                    await commit_agreed_state(conn, tenant.name, plan, done.snapshot)
                    await outbox.publish(conn, tenant.name, completed(tenant.name, done))
            return Settled(outcome=ChangeOutcome.COMPLETED, summary=plan.amendment.summary)

    @activity.defn(name="account.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        with mapped_failures():
            await settle_undone(self._database, undone)
