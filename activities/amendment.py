"""The steps of the amendment saga that are the subscription's own: plan, access, proof, end."""

from temporalio import activity

from activities import effects
from activities.agreed_state import commit_agreed_state
from activities.contracts.amendment import (
    AmendmentActivities,
    Prepared,
    Settled,
    StepInput,
    UndoneInput,
)
from activities.error_mapping import mapped_failures
from activities.events import completed
from activities.gather import gather
from activities.kept_plans import owner_of, owner_of_plan, plan_of
from activities.ledger import EffectLedger
from activities.preparing import Preparation
from activities.shadowing import Shadowing
from activities.support import SupportEffect
from activities.tenants import Tenant, Tenants
from activities.undoing import settle_undone
from activities.verification import done_of, prove, require_agreement
from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import BillingSnapshot, SyncMetadata
from canonical_models.entitlement import NO_SUPPORT
from canonical_models.records import AccessHold, sold_of
from canonical_models.states import ChangeOutcome
from connectors.attempts import Attempt
from persistence import access_holds, change_runs, changes, outbox, planning_context
from persistence.change_runs import Done
from persistence.connection import Connection
from persistence.database import Database
from persistence.ownership import Owner, require
from planning.term import serves


class Amendment(AmendmentActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)
        self._preparation = Preparation(database)
        self._shadowing = Shadowing(database)

    @activity.defn(name="amendment.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        with mapped_failures():
            run = activity.info().workflow_run_id or ""
            tenant = self._tenants[step.tenant]
            if tenant.shadow:
                return await self._shadowing.of_change(tenant, step, run)
            return await self._preparation.of_subscription(tenant, step, run)

    @activity.defn(name="amendment.entitle")
    async def entitle(self, step: StepInput) -> None:
        with mapped_failures():
            tenant, plan = self._tenants[step.tenant], await plan_of(self._database, step)
            owner = owner_of_plan(step)
            await gather(self._give(tenant, plan, owner), self._publish(tenant, plan, owner))

    @activity.defn(name="amendment.restore_access")
    async def restore_access(self, step: StepInput) -> None:
        """What billing has ended stays ended."""
        with mapped_failures():
            tenant = self._tenants[step.tenant]
            done = await done_of(self._database, step)
            plan = done.plan
            zone = plan.contract.time_zone if plan.contract else None
            ended = not serves(_of_subscription(done).subscription, zone)
            held = () if ended else plan.access.agreed_grants
            contribution = NO_SUPPORT if ended else plan.access.agreed_contribution
            owner = owner_of(step)
            grants = effects.grants_effect(tenant, plan, before=held, owner=owner)

            async def before(_: effects.GrantsHeld, __: Attempt) -> effects.GrantsHeld:
                return effects.GrantsHeld(grants=held)

            await self._ledger.undo(grants, before)
            if plan.access.organization is not None:
                support = SupportEffect(tenant, plan, plan.access.organization, owner)
                await support.take_back(self._ledger, contribution)

    @activity.defn(name="amendment.settle")
    async def settle(self, step: StepInput) -> Settled:
        with mapped_failures():
            tenant = self._tenants[step.tenant]
            done = await done_of(self._database, step)
            plan = done.plan
            if done.settled is not None:
                return Settled(outcome=done.settled, summary=plan.amendment.summary)
            proof = await prove(tenant, self._database, done)
            require_agreement(plan, proof)
            shown = _of_subscription(done).sync
            sync = SyncMetadata(
                change_id=plan.change_id,
                state="synchronised",
                # A change without a document leaves the last one to be seen.
                erp_document=done.newest_number or (shown.erp_document if shown else None),
            )

            async def settled(conn: Connection, _: SyncMetadata) -> None:
                name = tenant.name
                await changes.settle(
                    conn,
                    name,
                    plan.change_id,
                    outcome=ChangeOutcome.COMPLETED,
                    proof=proof.model_dump_json(),
                    owner=owner_of(step),
                )
                async with conn.pipeline():
                    shared = plan.access.support is not None
                    await commit_agreed_state(
                        conn, name, plan, done.snapshot, shared=shared, dunned=done.dunned
                    )
                    await outbox.publish(conn, name, completed(name, done))

            await self._ledger.perform(
                effects.sync_effect(
                    tenant, plan, effects.SYNC, sync, confirmed=settled, owner=owner_of(step)
                )
            )
            return Settled(outcome=ChangeOutcome.COMPLETED, summary=plan.amendment.summary)

    @activity.defn(name="amendment.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        with mapped_failures():
            tenant = self._tenants[undone.tenant]
            async with self._database.statement() as conn:
                kept = await changes.plan(conn, undone.tenant, undone.change_id)
            if kept is not None and undone.outcome is ChangeOutcome.COMPENSATED:
                sync = SyncMetadata(change_id=undone.change_id, state=undone.outcome)
                await self._ledger.perform(
                    effects.sync_effect(
                        tenant, kept, effects.UNDONE_SYNC, sync, owner=owner_of(undone)
                    )
                )
            if undone.aborted and kept is not None:
                await self._hold_access(undone)
            await settle_undone(self._database, undone)

    async def _hold_access(self, undone: UndoneInput) -> None:
        """Billing sells on what was taken back: without this the next change would give it."""
        async with self._database.transaction() as conn:
            await require(conn, owner_of(undone))
            known = await planning_context.of_change(conn, undone.tenant, undone.change_id)
            done = await change_runs.done(conn, undone.tenant, undone.change_id)
            if known is None or done is None or not isinstance(done.snapshot, BillingSnapshot):
                return
            hold = AccessHold(
                sold=sold_of(done.snapshot.subscription),
                items=known.agreed.items if known.agreed else (),
                reason=undone.reason,
            )
            await access_holds.put(conn, undone.tenant, known.subject, hold)

    async def _give(self, tenant: Tenant, plan: AmendmentPlan, owner: Owner) -> None:
        if plan.access.changes_grants:
            await self._ledger.perform(effects.grants_effect(tenant, plan, owner=owner))

    async def _publish(self, tenant: Tenant, plan: AmendmentPlan, owner: Owner) -> None:
        if plan.access.support is not None and plan.access.organization is not None:
            support = SupportEffect(tenant, plan, plan.access.organization, owner)
            await self._ledger.perform(support.effect())


def _of_subscription(done: Done) -> BillingSnapshot:
    if not isinstance(done.snapshot, BillingSnapshot):
        raise TypeError(f"change {done.plan.change_id} is of no subscription")
    return done.snapshot
