"""From a change to its plan: read, check everything in parallel, decide, keep the decision."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from activities import effects as amend
from activities.agreeing import agree
from activities.contracts.amendment import Prepared
from activities.ledger import effect_key
from activities.leftovers import Leftovers
from activities.tenants import Tenant
from activities.together import both
from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import BillingSnapshot, Subscription
from canonical_models.entitlement import SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    AccountMapping,
    CarriedLine,
    ItemMapping,
    LedgerAnswer,
    LedgerQuestion,
)
from canonical_models.policy import TenantPolicy
from persistence import briefing, changes
from persistence.database import Database
from planning.amendment import PlanInput, plan_amendment
from planning.posting import erp_items, mapped, posting_of
from planning.term import local_day

#: Invoices made this long before the last agreement are read again: a draft may become final late.
LATE_INVOICES = timedelta(days=45)
_OF_LONG_AGO = frozenset({ChangeKind.PAYMENT.value, ChangeKind.RENEWAL.value})


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
        snapshot = await tenant.billing.snapshot(known.subscription_id, since=_since(known))
        subscription = snapshot.subscription
        found = await self._master_data(tenant, snapshot, before)
        account, items = found.account, found.items
        if account is None:
            customer = subscription.customer.customer_id
            if tenant.policy.accounts.create:
                return Prepared(account_missing=customer)
            raise _unmapped(customer)
        zone = tenant.zone(account)
        on = local_day(subscription.as_of, zone)
        answer, organization = await both(
            _ledger_answer(tenant, snapshot, account, items, known.carried, on),
            _organization(tenant, account),
        )
        plan = plan_amendment(
            PlanInput(
                change_id=change_id,
                snapshot=snapshot,
                previous=before,
                carried=known.carried,
                account=account,
                items=items,
                ledger=answer,
                posting_date=on,
                grants=known.held,
                share=known.share,
                others=found.others,
                support=organization.entitlement,
                tiers=tenant.policy.tiers,
                entered=known.entered,
                unpaid=known.unpaid,
                time_zone=zone,
            )
        )
        if not plan.empty:
            async with self._database.statement() as raw:
                await changes.save_plan(raw, tenant.name, plan, snapshot)
            _require_approval(tenant.policy, plan, known.approved)
            return _brief(plan)
        async with self._database.work() as raw, raw.pipeline():
            await changes.save_plan(raw, tenant.name, plan, snapshot)
            await agree(raw, tenant.name, plan, snapshot)
            await changes.settle(raw, tenant.name, change_id, outcome="no_change")
        return _brief(plan)

    async def _master_data(
        self, tenant: Tenant, snapshot: BillingSnapshot, before: Subscription | None
    ) -> briefing.MasterData:
        """Mappings, and what the customer's other subscriptions ask of support."""
        subscription = snapshot.subscription
        customer = subscription.customer.customer_id
        keys = {item.plan.item for item in snapshot.subscription.items}
        keys |= {line.item for line in snapshot.lines}
        keys |= {item.plan.item for item in before.items} if before else set()
        async with self._database.statement() as raw:
            return await briefing.master_data(
                raw,
                tenant.name,
                customer_id=customer,
                items=keys,
                subscription_id=subscription.subscription_id,
            )


def _since(known: briefing.Briefing) -> datetime | None:
    """What moves money, or holds back what is not paid, may be about an invoice of long ago; and
    of several periods that were missed all but the last are."""
    if known.agreed is None or known.unpaid or known.kind in _OF_LONG_AGO:
        return None
    return known.agreed.as_of - LATE_INVOICES


def _unmapped(customer: str) -> Rejection:
    return Rejection(
        RejectionCode.ACCOUNT_UNMAPPED,
        f"billing customer {customer} has no ERP party and support organisation: map "
        f"it with `trueup mappings set account {customer}`, or correct the exception",
        system="trueup",
        subject=customer,
    )


def _require_approval(policy: TenantPolicy, plan: AmendmentPlan, approved: frozenset[str]) -> None:
    """A person's yes is bound to what the document says, not to the day it is posted on."""
    document = plan.document
    if document is None or document.net.minor >= 0:
        return
    limit = policy.credit_limits.get(document.currency)
    if limit is None or -document.net.decimal <= limit or document.substance in approved:
        return
    raise Rejection(
        RejectionCode.APPROVAL_NEEDED,
        f"a credit of {-document.net} is above the limit of {limit} {document.currency} "
        f"({plan.amendment.summary}): approve exactly this document with `approve`, or abort",
        system="trueup",
        subject=plan.change_id,
    )


async def _ledger_answer(
    tenant: Tenant,
    snapshot: BillingSnapshot,
    account: AccountMapping,
    items: dict[str, ItemMapping],
    carried: Mapping[str, CarriedLine],
    on: date,
) -> LedgerAnswer | None:
    """The ERP's word on what is to be posted; it is not asked when nothing is."""
    for item in snapshot.subscription.items:
        mapped(items, item.plan.item)
    posting = posting_of(snapshot, carried)
    if not posting:
        return None
    return await tenant.erp.check(
        LedgerQuestion(
            legal_entity=account.legal_entity,
            party=account.erp_party,
            currency=snapshot.subscription.currency,
            posting_date=on,
            items=erp_items(posting, items),
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


def _brief(plan: AmendmentPlan) -> Prepared:
    return Prepared(
        digest=plan.digest,
        kind=plan.amendment.kind,
        summary=plan.amendment.summary,
        amount=plan.document.net if plan.document else None,
        posts=plan.document is not None,
        grants=plan.changes_grants,
        support=plan.support is not None,
        payments=bool(plan.payments),
        settled=plan.empty,
    )
