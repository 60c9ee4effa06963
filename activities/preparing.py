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
from persistence import changes, effects, grants, lines, mappings, shares, subscriptions
from persistence.database import Database
from planning.amendment import PlanInput, mapped, plan_amendment, unposted

#: Invoices made this long before the last agreement are read again: a draft may become final late.
LATE_INVOICES = timedelta(days=45)

#: The document may exist in the ERP: the plan that made it must be seen through, not replaced.
_STARTED = ("attempting", "uncertain", "confirmed")


class Preparation:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._leftovers = Leftovers(database)

    async def prepare(self, tenant: Tenant, change_id: str) -> Prepared:
        """The plan of the change in brief. Raises Rejection for what a person must mend first."""
        async with self._database.transaction() as session:
            change = await changes.get(session, tenant.name, change_id)
            if change is None or change.state == "settled":
                return Prepared(settled=True)
            document_key = effect_key(change_id, amend.DOCUMENT)
            started, _ = await effects.state_of(session, document_key)
            kept = await changes.plan(session, tenant.name, change_id)
            if kept is not None and started in _STARTED:
                return _brief(kept[0])
            doubtful = await effects.left_by_lost(
                session, tenant.name, change.subscription_id, amend.DOCUMENT
            )
            agreed = await subscriptions.get(session, tenant.name, change.subscription_id)
            carried = await lines.carried(
                session, tenant.name, change.subscription_id, apart_from=document_key
            )
            held = await grants.of_subscription(session, tenant.name, change.subscription_id)
            share = await shares.get(session, tenant.name, change.subscription_id)
        if doubtful:
            await self._leftovers.settle(tenant, doubtful)
            return await self.prepare(tenant, change_id)
        since = agreed.subscription.as_of - LATE_INVOICES if agreed else None
        snapshot = await tenant.billing.snapshot(change.subscription_id, since=since)
        subscription = snapshot.subscription
        before = agreed.subscription if agreed else None
        account, items, others = await self._master_data(tenant, snapshot, before)
        answer, organization = await both(
            _ledger_answer(tenant, snapshot, account, items, unposted(snapshot, carried)),
            _organization(tenant, account),
        )
        plan = plan_amendment(
            PlanInput(
                change_id=change_id,
                snapshot=snapshot,
                previous=before,
                posted=carried,
                account=account,
                items=items,
                ledger=answer,
                posting_date=_posting_date(subscription.as_of),
                grants=held,
                share=share,
                others=others,
                support=organization.entitlement,
                tiers=tenant.tiers,
            )
        )
        async with self._database.transaction() as session:
            await changes.save_plan(session, tenant.name, plan, snapshot)
            if plan.empty:
                await subscriptions.save(session, tenant.name, subscription, change_id)
                await shares.put(
                    session,
                    tenant.name,
                    subscription.subscription_id,
                    plan.organization,
                    plan.share,
                )
                await changes.settle(session, tenant.name, change_id, outcome="no_change")
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
        async with self._database.transaction() as session:
            account = await mappings.account(session, tenant.name, customer)
            if account is None:
                raise Rejection(
                    RejectionCode.ACCOUNT_UNMAPPED,
                    f"billing customer {customer} has no ERP party and support organisation: map "
                    f"it with `trueup mappings set account {customer}`, or correct the exception",
                    system="trueup",
                    subject=customer,
                )
            items = await mappings.items(session, tenant.name, keys)
            others = await shares.of_organization(
                session,
                tenant.name,
                account.support_organization,
                apart_from=subscription.subscription_id,
            )
        return account, items, others


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
