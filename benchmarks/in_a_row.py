"""The comparison: the amendment as eight activities one after the other, as one would first write
it. The same work on the same tables by the same functions: what the saga does in `prepare` is here
`load`, `preflight` and `plan`; what it does in `settle` is `verify` and `write_back`; posting,
entitlements and support are the very activities of the saga. No step does more than it does there.
"""

from temporalio import activity

from activities import effects as amend
from activities.amendment import Amendment
from activities.contracts.amendment import Settled, StepInput
from activities.ledger import effect_key
from activities.proving import Proof, prove
from activities.telling import completed
from activities.together import both
from canonical_models.base import Canonical
from canonical_models.commerce import BillingSnapshot, Subscription, SyncMark
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportOrganization
from canonical_models.ledgering import AccountMapping, ItemMapping, LedgerAnswer, LedgerQuestion
from persistence import changes, effects, grants, lines, mappings, outbox, shares, subscriptions
from planning.amendment import PlanInput, mapped, plan_amendment, unposted


class Loaded(Canonical):
    """What is known of the subscription: in billing, and by ourselves."""

    step: StepInput
    snapshot: BillingSnapshot
    agreed: Subscription | None
    carried: tuple[str, ...]
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
        name = step.tenant
        key = effect_key(step.change_id, amend.DOCUMENT)
        async with self._database.transaction() as session:
            change = await changes.get(session, name, step.change_id)
            if change is None:
                raise RuntimeError(f"change {step.change_id} is unknown")
            of = change.subscription_id
            await effects.state_of(session, key)
            await changes.plan(session, name, step.change_id)
            await effects.left_by_lost(session, name, of, amend.DOCUMENT)
            agreed = await subscriptions.get(session, name, of)
            carried = await lines.carried(session, name, of, apart_from=key)
            held = await grants.of_subscription(session, name, of)
            share = await shares.get(session, name, of)
        return Loaded(
            step=step,
            snapshot=await self._tenants[name].billing.snapshot(of, since=None),
            agreed=agreed.subscription if agreed else None,
            carried=tuple(carried),
            held=held,
            share=share,
        )

    @activity.defn(name="row.preflight")
    async def preflight(self, given: Loaded) -> Checked:
        name, now = given.step.tenant, given.snapshot.subscription
        tenant = self._tenants[name]
        keys = {item.plan.item for item in now.items} | {line.item for line in given.snapshot.lines}
        async with self._database.transaction() as session:
            account = await mappings.account(session, name, now.customer.customer_id)
            items = await mappings.items(session, name, keys)
        if account is None:
            raise RuntimeError(f"customer {now.customer.customer_id} is not mapped")
        async with self._database.transaction() as session:
            others = await shares.of_organization(
                session, name, account.support_organization, apart_from=now.subscription_id
            )
        posting = unposted(given.snapshot, frozenset(given.carried))
        question = LedgerQuestion(
            legal_entity=account.legal_entity,
            party=account.erp_party,
            currency=now.currency,
            posting_date=now.as_of.date(),
            items=tuple(sorted({mapped(items, line.item).erp_item for line in posting})),
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
            others=others,
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
                posted=frozenset(given.carried),
                account=checked.account,
                items={mapping.item: mapping for mapping in checked.items},
                ledger=checked.ledger,
                posting_date=given.snapshot.subscription.as_of.date(),
                grants=given.held,
                share=given.share,
                others=checked.others,
                support=checked.organization.entitlement,
                tiers=tenant.tiers,
            )
        )
        async with self._database.transaction() as session:
            await changes.save_plan(session, tenant.name, plan, given.snapshot)
        return step.model_copy(update={"digest": plan.digest})

    @activity.defn(name="row.verify")
    async def verify(self, step: StepInput) -> Proof:
        plan, _ = await self._plan(step)
        document, held = await self._ours(step.tenant, plan)
        return await prove(self._tenants[step.tenant], self._database, plan, document, held)

    @activity.defn(name="row.write_back")
    async def write_back(self, step: StepInput, proof: Proof) -> Settled:
        tenant = self._tenants[step.tenant]
        plan, snapshot = await self._plan(step)
        document, _ = await self._ours(step.tenant, plan)
        number = document.number if document else None
        mark = SyncMark(change_id=plan.change_id, state="synchronised", erp_document=number)
        await self._ledger.perform(amend.mark_effect(tenant, plan, amend.MARK, mark))
        of = plan.subscription_id
        async with self._database.transaction() as session:
            await shares.put(session, tenant.name, of, plan.organization, plan.share)
            await subscriptions.save(session, tenant.name, snapshot.subscription, plan.change_id)
            await outbox.publish(session, tenant.name, completed(tenant.name, plan, document))
            await changes.settle(
                session,
                tenant.name,
                plan.change_id,
                outcome="completed",
                proof=proof.model_dump(mode="json"),
            )
        return Settled(outcome="completed", summary=plan.amendment.summary)
