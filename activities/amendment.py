"""The steps of the amendment saga."""

from temporalio import activity

from activities import effects as amend
from activities.accounts import open_account
from activities.agreeing import agree
from activities.collecting import enter_payments
from activities.contracts.amendment import (
    AccountInput,
    AmendmentActivities,
    Posted,
    Prepared,
    Settled,
    StepInput,
    UndoneInput,
)
from activities.failing import failures_told
from activities.ledger import EffectLedger, effect_key
from activities.preparing import Preparation
from activities.proving import prove
from activities.telling import completed, undone
from activities.tenants import Tenant, Tenants
from activities.together import both
from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import SyncMark
from canonical_models.failures import Rejection, RejectionCode
from persistence import briefing, changes, exceptions, outbox
from persistence.database import Database
from persistence.raw import Raw


class Amendment(AmendmentActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)
        self._preparation = Preparation(database)

    @activity.defn(name="amendment.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        with failures_told():
            return await self._preparation.prepare(self._tenants[step.tenant], step.change_id)

    @activity.defn(name="amendment.open_account")
    async def open_account(self, given: AccountInput) -> None:
        with failures_told():
            tenant = self._tenants[given.tenant]
            await open_account(
                self._database, self._ledger, tenant, given.change_id, given.customer_id
            )

    @activity.defn(name="amendment.post_document")
    async def post_document(self, step: StepInput) -> Posted:
        with failures_told():
            plan = await self._plan(step)
            document = await self._ledger.perform(
                amend.DocumentEffect(self._tenants[step.tenant], plan).effect()
            )
            return Posted(document_id=document.document_id, number=document.number)

    @activity.defn(name="amendment.reverse_document")
    async def reverse_document(self, step: StepInput) -> None:
        with failures_told():
            plan = await self._plan(step)
            document = amend.DocumentEffect(self._tenants[step.tenant], plan)
            await self._ledger.undo(document.effect(), document.take_back, left=document.left)

    @activity.defn(name="amendment.entitle")
    async def entitle(self, step: StepInput) -> None:
        with failures_told():
            tenant, plan = self._tenants[step.tenant], await self._plan(step)
            await both(self._give(tenant, plan), self._publish(tenant, plan))

    @activity.defn(name="amendment.restore_grants")
    async def restore_grants(self, step: StepInput) -> None:
        with failures_told():
            plan = await self._plan(step)
            effect = amend.grants_effect(self._tenants[step.tenant], plan)

            async def before(_: amend.GrantsHeld) -> amend.GrantsHeld:
                return amend.GrantsHeld(grants=plan.grants_before)

            await self._ledger.undo(effect, before)

    @activity.defn(name="amendment.restore_support")
    async def restore_support(self, step: StepInput) -> None:
        with failures_told():
            plan = await self._plan(step)
            support = amend.SupportEffect(self._tenants[step.tenant], self._database, plan)
            await self._ledger.undo(support.effect(), support.take_back, left=support.left)

    @activity.defn(name="amendment.record_payments")
    async def record_payments(self, step: StepInput) -> None:
        with failures_told():
            tenant = self._tenants[step.tenant]
            await enter_payments(self._database, self._ledger, tenant, await self._outcome(step))

    @activity.defn(name="amendment.settle")
    async def settle(self, step: StepInput) -> Settled:
        with failures_told():
            tenant = self._tenants[step.tenant]
            done = await self._outcome(step)
            plan, document = done.plan, done.document
            proof = await prove(tenant, self._database, plan, document, done.held)
            shown = done.snapshot.mark.erp_document if done.snapshot.mark else None
            mark = SyncMark(
                change_id=plan.change_id,
                state="synchronised",
                # A change without a document leaves the last one to be seen.
                erp_document=document.number if document else shown,
            )

            async def settled(raw: Raw, _: SyncMark) -> None:
                name = tenant.name
                async with raw.pipeline():
                    await agree(raw, name, plan, done.snapshot)
                    await outbox.publish(raw, name, completed(name, plan, done))
                    await changes.settle(
                        raw,
                        name,
                        plan.change_id,
                        outcome="completed",
                        proof=proof.model_dump_json(),
                    )

            await self._ledger.perform(
                amend.mark_effect(tenant, plan, amend.MARK, mark, confirmed=settled)
            )
            return Settled(outcome="completed", summary=plan.amendment.summary)

    @activity.defn(name="amendment.settle_undone")
    async def settle_undone(self, given: UndoneInput) -> None:
        with failures_told():
            tenant = self._tenants[given.tenant]
            async with self._database.statement() as raw:
                kept = await changes.plan(raw, given.tenant, given.change_id)
            if kept is not None and given.outcome == "compensated":
                mark = SyncMark(change_id=given.change_id, state=given.outcome)
                await self._ledger.perform(amend.mark_effect(tenant, kept, amend.UNDONE_MARK, mark))
            async with self._database.transaction() as session:
                change = await changes.get(session, given.tenant, given.change_id)
                if change is None or change.state == "settled":
                    return
                await exceptions.cancel_of_change(session, given.tenant, given.change_id)
                await outbox.publish(session, given.tenant, [undone(given, change)])
                await changes.settle(
                    session,
                    given.tenant,
                    given.change_id,
                    outcome=given.outcome,
                    summary=f"{change.summary or change.kind.value} - undone: {given.reason}",
                )

    async def _give(self, tenant: Tenant, plan: AmendmentPlan) -> None:
        if plan.changes_grants:
            await self._ledger.perform(amend.grants_effect(tenant, plan))

    async def _publish(self, tenant: Tenant, plan: AmendmentPlan) -> None:
        if plan.support is not None:
            support = amend.SupportEffect(tenant, self._database, plan)
            await self._ledger.perform(support.effect())

    async def _plan(self, step: StepInput) -> AmendmentPlan:
        """The plan that this step was decided with. An undo (no digest) takes the newest one."""
        async with self._database.statement() as raw:
            kept = await changes.plan(raw, step.tenant, step.change_id)
        if kept is None or _superseded(step, kept):
            raise _planned_again(step)
        return kept

    async def _outcome(self, step: StepInput) -> briefing.Outcome:
        async with self._database.statement() as raw:
            found = await briefing.outcome(
                raw, step.tenant, step.change_id, key=effect_key(step.change_id, amend.DOCUMENT)
            )
        if found is None or _superseded(step, found.plan):
            raise _planned_again(step)
        return found


def _superseded(step: StepInput, kept: AmendmentPlan) -> bool:
    return bool(step.digest) and kept.digest != step.digest


def _planned_again(step: StepInput) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_CONFLICT,
        f"change {step.change_id} has been planned again since this step was decided: "
        "retry the step, and it follows the newest plan",
        system="trueup",
        subject=step.change_id,
    )
