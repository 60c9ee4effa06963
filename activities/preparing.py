"""From a change to its plan: read, check everything in parallel, decide, keep the decision."""

from datetime import date, datetime, timedelta

from activities import effects as amend
from activities.contracts.amendment import Prepared
from activities.ledger import effect_key
from activities.leftovers import Leftovers
from activities.tenants import Tenant
from activities.together import both
from canonical_models.amendment import AmendmentPlan
from canonical_models.commerce import BillingLine, BillingSnapshot, Subscription
from canonical_models.entitlement import SubscriptionSupport, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import AccountMapping, ItemMapping, LedgerAnswer, LedgerQuestion
from persistence import briefing, changes, shares, subscriptions
from persistence.database import Database
from planning.amendment import PlanInput, mapped, plan_amendment, unposted

#: Invoices made this long before the last agreement are read again: a draft may become final late.
LATE_INVOICES = timedelta(days=45)


class Preparation:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._leftovers = Leftovers(database)

    async def prepare(self, tenant: Tenant, change_id: str) -> Prepared:
        """The plan of the change in brief. Raises Rejection for what a person must mend first."""
        async with self._database.statement() as raw:
            known = await briefing.of_change(
                raw,
                tenant.name,
                change_id,
                step=amend.DOCUMENT,
                key=effect_key(change_id, amend.DOCUMENT),
            )
        if known is None or known.settled:
            return Prepared(settled=True)
        if known.kept is not None:
            return _brief(known.kept)
        if known.doubtful:
            await self._leftovers.settle(tenant, known.doubtful)
            return await self.prepare(tenant, change_id)
        before = known.agreed
        since = before.as_of - LATE_INVOICES if before else None
        snapshot = await tenant.billing.snapshot(known.subscription_id, since=since)
        subscription = snapshot.subscription
        account, items, others = await self._master_data(tenant, snapshot, before)
        answer, organization = await both(
            _ledger_answer(tenant, snapshot, account, items, unposted(snapshot, known.carried)),
            _organization(tenant, account),
        )
        plan = plan_amendment(
            PlanInput(
                change_id=change_id,
                snapshot=snapshot,
                previous=before,
                posted=known.carried,
                account=account,
                items=items,
                ledger=answer,
                posting_date=_posting_date(subscription.as_of),
                grants=known.held,
                share=known.share,
                others=others,
                support=organization.entitlement,
                tiers=tenant.tiers,
            )
        )
        if not plan.empty:
            async with self._database.statement() as raw:
                await changes.save_plan(raw, tenant.name, plan, snapshot)
            return _brief(plan)
        async with self._database.work() as raw:
            await changes.save_plan(raw, tenant.name, plan, snapshot)
            await subscriptions.save(raw, tenant.name, subscription, change_id)
            await shares.put(
                raw, tenant.name, subscription.subscription_id, plan.organization, plan.share
            )
            await changes.settle(raw, tenant.name, change_id, outcome="no_change")
        return _brief(plan)

    async def _master_data(
        self, tenant: Tenant, snapshot: BillingSnapshot, before: Subscription | None
    ) -> tuple[AccountMapping, dict[str, ItemMapping], tuple[SubscriptionSupport, ...]]:
        """Mappings, and what the customer's other subscriptions ask of support."""
        subscription = snapshot.subscription
        customer = subscription.customer.customer_id
        keys = {item.plan.item for item in snapshot.subscription.items}
        keys |= {line.item for line in snapshot.lines}
        keys |= {item.plan.item for item in before.items} if before else set()
        async with self._database.statement() as raw:
            found = await briefing.master_data(
                raw,
                tenant.name,
                customer_id=customer,
                items=keys,
                subscription_id=subscription.subscription_id,
            )
        if found.account is None:
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"billing customer {customer} has no ERP party and support organisation: map "
                f"it with `trueup mappings set account {customer}`, or correct the exception",
                system="trueup",
                subject=customer,
            )
        return found.account, found.items, found.others


async def _ledger_answer(
    tenant: Tenant,
    snapshot: BillingSnapshot,
    account: AccountMapping,
    items: dict[str, ItemMapping],
    posting: tuple[BillingLine, ...],
) -> LedgerAnswer | None:
    """The ERP's word on what is to be posted; it is not asked when nothing is."""
    for item in snapshot.subscription.items:
        mapped(items, item.plan.item)
    if not posting:
        return None
    return await tenant.erp.check(
        LedgerQuestion(
            legal_entity=account.legal_entity,
            party=account.erp_party,
            currency=snapshot.subscription.currency,
            posting_date=_posting_date(snapshot.subscription.as_of),
            items=tuple(sorted({mapped(items, line.item).erp_item for line in posting})),
        )
    )


async def _organization(tenant: Tenant, account: AccountMapping) -> SupportOrganization:
    organization = await tenant.support.organization(account.support_organization)
    if organization is None:
        raise Rejection(
            RejectionCode.ORGANIZATION_UNKNOWN,
            f"the support platform has no organisation {account.support_organization} (billing "
            f"customer {account.billing_customer}): create it there, or correct the mapping",
            system="support",
            subject=account.support_organization,
        )
    return organization


def _posting_date(as_of: datetime) -> date:
    return as_of.date()


def _brief(plan: AmendmentPlan) -> Prepared:
    return Prepared(
        digest=plan.digest,
        kind=plan.amendment.kind,
        summary=plan.amendment.summary,
        amount=plan.document.net if plan.document else None,
        posts=plan.document is not None,
        grants=plan.changes_grants,
        support=plan.support is not None,
        settled=plan.empty,
    )
