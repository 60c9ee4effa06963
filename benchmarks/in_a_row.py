"""The comparison: the amendment as eight activities one after the other, as one would first write
it. The same work on the same tables by the same functions: what the saga does in `prepare` is here
`load`, `preflight` and `plan`; what it does in `entitle` is `grants` and `support`, and in `settle`
`verify` and `write_back`; posting is the very activity of the saga. No step does more than there.
"""

from temporalio import activity

from activities import effects as amend
from activities.agreeing import agree
from activities.amendment import Amendment
from activities.contracts.amendment import Settled, StepInput
from activities.ledger import effect_key
from activities.proving import Proof, prove
from activities.telling import completed
from activities.together import both
from canonical_models.base import Canonical
from canonical_models.commerce import BillingSnapshot, Subscription, SyncMark
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportOrganization
from canonical_models.ledgering import (
    AccountMapping,
    CarriedLine,
    ItemMapping,
    LedgerAnswer,
    LedgerQuestion,
)
from persistence import briefing, changes, outbox
from planning.amendment import PlanInput, plan_amendment
from planning.posting import erp_items, posting_of


class Loaded(Canonical):
    """What is known of the subscription: in billing, and by ourselves."""

    step: StepInput
    snapshot: BillingSnapshot
    agreed: Subscription | None
    carried: dict[str, CarriedLine]
    held: tuple[Grant, ...]
    share: SubscriptionSupport | None


class Checked(Canonical):
    """What the other systems and the master data say about it."""

    account: AccountMapping
    items: tuple[ItemMapping, ...]
    others: tuple[SubscriptionSupport, ...]
    ledger: LedgerAnswer
    organization: SupportOrganization


class InARowSteps(Amendment):
    @activity.defn(name="row.load")
    async def load(self, step: StepInput) -> Loaded:
        async with self._database.statement() as raw:
            known = await briefing.of_change(
                raw,
                step.tenant,
                step.change_id,
                step=amend.DOCUMENT,
                key=effect_key(step.change_id, amend.DOCUMENT),
            )
        if known is None:
            raise RuntimeError(f"change {step.change_id} is unknown")
        billing = self._tenants[step.tenant].billing
        return Loaded(
            step=step,
            snapshot=await billing.snapshot(known.subscription_id, since=None),
            agreed=known.agreed,
            carried=known.carried,
            held=known.held,
            share=known.share,
        )

    @activity.defn(name="row.preflight")
    async def preflight(self, given: Loaded) -> Checked:
        name, now = given.step.tenant, given.snapshot.subscription
        tenant = self._tenants[name]
        keys = {item.plan.item for item in now.items} | {line.item for line in given.snapshot.lines}
        async with self._database.statement() as raw:
            master = await briefing.master_data(
                raw,
                name,
                customer_id=now.customer.customer_id,
                items=keys,
                subscription_id=now.subscription_id,
            )
        account, items = master.account, master.items
        if account is None:
            raise RuntimeError(f"customer {now.customer.customer_id} is not mapped")
        question = LedgerQuestion(
            legal_entity=account.legal_entity,
            party=account.erp_party,
            currency=now.currency,
            posting_date=now.as_of.date(),
            items=erp_items(posting_of(given.snapshot, given.carried), items),
        )
        ledger, organization = await both(
            tenant.erp.check(question),
            tenant.support.organization(account.support_organization),
        )
        if organization is None:
            raise RuntimeError(f"organisation {account.support_organization} is unknown")
        return Checked(
            account=account,
            items=tuple(items.values()),
            others=master.others,
            ledger=ledger,
            organization=organization,
        )

    @activity.defn(name="row.plan")
    async def plan(self, given: Loaded, checked: Checked) -> StepInput:
        step, tenant = given.step, self._tenants[given.step.tenant]
        plan = plan_amendment(
            PlanInput(
                change_id=step.change_id,
                snapshot=given.snapshot,
                previous=given.agreed,
                carried=given.carried,
                account=checked.account,
                items={mapping.item: mapping for mapping in checked.items},
                ledger=checked.ledger,
                posting_date=given.snapshot.subscription.as_of.date(),
                grants=given.held,
                share=given.share,
                others=checked.others,
                support=checked.organization.entitlement,
                tiers=tenant.policy.tiers,
            )
        )
        async with self._database.statement() as raw:
            await changes.save_plan(raw, tenant.name, plan, given.snapshot)
        return step.model_copy(update={"digest": plan.digest})

    @activity.defn(name="row.grants")
    async def grants(self, step: StepInput) -> None:
        await self._give(self._tenants[step.tenant], await self._plan(step))

    @activity.defn(name="row.support")
    async def support(self, step: StepInput) -> None:
        await self._publish(self._tenants[step.tenant], await self._plan(step))

    @activity.defn(name="row.verify")
    async def verify(self, step: StepInput) -> Proof:
        done = await self._outcome(step)
        tenant = self._tenants[step.tenant]
        return await prove(tenant, self._database, done.plan, done.document, done.held)

    @activity.defn(name="row.write_back")
    async def write_back(self, step: StepInput, proof: Proof) -> Settled:
        tenant = self._tenants[step.tenant]
        done = await self._outcome(step)
        plan, document = done.plan, done.document
        number = document.number if document else None
        mark = SyncMark(change_id=plan.change_id, state="synchronised", erp_document=number)
        await self._ledger.perform(amend.mark_effect(tenant, plan, amend.MARK, mark))
        async with self._database.work() as raw, raw.pipeline():
            await agree(raw, tenant.name, plan, done.snapshot)
            await outbox.publish(raw, tenant.name, completed(tenant.name, plan, done))
            await changes.settle(
                raw,
                tenant.name,
                plan.change_id,
                outcome="completed",
                proof=proof.model_dump_json(),
            )
        return Settled(outcome="completed", summary=plan.amendment.summary)
