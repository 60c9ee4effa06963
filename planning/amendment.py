"""From what billing says now and what was agreed last: the exact plan of a change. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.amendment import Amendment, AmendmentPlan, ChangeKind
from canonical_models.commerce import BillingSnapshot, Subscription
from canonical_models.entitlement import (
    Grant,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import AccountMapping, CarriedLine, ItemMapping, LedgerAnswer
from canonical_models.money import Money
from planning.classify import classify, describe
from planning.dunning import suspended_items
from planning.grants import granted
from planning.payments import payments_to_enter
from planning.posting import SYSTEM, Posting, document_of, mapped, posting_of
from planning.support import merged_support, support_of
from planning.term import contract_of


@dataclass(frozen=True)
class PlanInput:
    """Everything that a plan depends on; equal inputs give equal plans."""

    change_id: str
    snapshot: BillingSnapshot
    #: The subscription as all systems last agreed on it; None before the first time.
    previous: Subscription | None
    #: Lines that ERP documents of other changes carry, by id.
    carried: Mapping[str, CarriedLine]
    account: AccountMapping
    items: Mapping[str, ItemMapping]
    #: None when there is nothing to post.
    ledger: LedgerAnswer | None
    posting_date: date
    #: What this subscription grants until now.
    grants: tuple[Grant, ...]
    #: What this subscription asks of support until now, and what the customer's others ask.
    share: SubscriptionSupport | None
    others: tuple[SubscriptionSupport, ...]
    #: What the support platform shows now.
    support: SupportEntitlement
    #: Support tiers, lowest first.
    tiers: tuple[str, ...]
    #: Movements of money that the ERP knows of, by id.
    entered: Collection[str] = ()
    #: Invoices whose grace is over.
    unpaid: Collection[str] = ()
    #: Where contracts end and documents are dated; None for billing's very second.
    time_zone: str | None = None


def plan_amendment(given: PlanInput) -> AmendmentPlan:
    """Raises Rejection for what a person must mend first: unmapped item, mixed currencies, tax."""
    subscription = given.snapshot.subscription
    _require_same_currency(given.previous, subscription)
    posting = posting_of(given.snapshot, given.carried)
    suspended = suspended_items(given.snapshot, given.unpaid)
    grants = granted(
        subscription,
        given.items,
        given.grants,
        suspended=suspended,
        zone=given.time_zone,
    )
    organization = given.account.support_organization
    share = support_of(
        subscription, grants, given.items, given.tiers, suspended, zone=given.time_zone
    )
    support = merged_support(organization, (share, *given.others), given.tiers)
    covered = {*given.carried, *(line.line_id for line in posting.lines)}
    payments = payments_to_enter(
        given.snapshot,
        given.entered,
        covered,
        given.account,
        given.time_zone,
        posting={line.invoice_id for line in posting.lines if line.invoice_id is not None},
    )
    kind = _kind(given, posting, grants, paid=bool(payments))
    names = {key: mapping.erp_item for key, mapping in given.items.items()}
    return AmendmentPlan(
        change_id=given.change_id,
        subscription_id=subscription.subscription_id,
        amendment=Amendment(
            kind=kind,
            summary=describe(kind, given.previous, subscription, names),
            customer_id=subscription.customer.customer_id,
            effective_at=subscription.ended_at or subscription.as_of,
        ),
        document=document_of(
            given.change_id,
            posting,
            given.account,
            given.items,
            currency=subscription.currency,
            on=given.posting_date,
        ),
        expected_tax=_expected_tax(given, posting),
        taxes=given.ledger.taxes if given.ledger else (),
        grants_before=given.grants,
        grants=grants,
        organization=organization,
        share=share,
        share_before=given.share or SubscriptionSupport(tier=None, contract_end=None),
        support=None if support == given.support else support,
        payments=payments,
        suspended=suspended,
        contract=contract_of(subscription, given.time_zone),
        more=posting.more,
    )


def _require_same_currency(previous: Subscription | None, now: Subscription) -> None:
    """A term goes on in the currency that it was agreed in: its documents are on one account."""
    if previous is not None and previous.currency != now.currency:
        raise Rejection(
            RejectionCode.CURRENCY_MISMATCH,
            f"subscription {now.subscription_id} was agreed in {previous.currency} and is now in "
            f"{now.currency}: end it in billing and begin a new one in the other currency",
            system=SYSTEM,
            subject=now.subscription_id,
        )


def _kind(
    given: PlanInput, posting: Posting, grants: tuple[Grant, ...], *, paid: bool
) -> ChangeKind:
    """Being held back or given again is told where nothing commercial happened besides."""
    kind = classify(given.previous, given.snapshot.subscription, billed=bool(posting))
    if kind not in (ChangeKind.NONE, ChangeKind.OTHER, ChangeKind.BILLED):
        return kind
    if given.snapshot.subscription.ended_at is not None and given.grants and not grants:
        # Billing closed it earlier, and its last day is over now.
        return ChangeKind.CANCELLATION
    were, are = _held_back(given.grants), _held_back(grants)
    if are - were:
        return ChangeKind.SUSPENSION
    if were - are and grants:
        return ChangeKind.RESTORATION
    return ChangeKind.PAYMENT if paid and kind is ChangeKind.NONE else kind


def _held_back(grants: tuple[Grant, ...]) -> set[tuple[str, str]]:
    return {(g.source_id, g.feature) for g in grants if g.state is GrantState.SUSPENDED}


def _expected_tax(given: PlanInput, posting: Posting) -> Money | None:
    """Billing's tax, once it is known to agree with the ERP's rates.

    Billing rounds each line and the ERP each document, so one minor unit a line is no difference.
    None where billing leaves tax to the ERP, or where lines are taken back whose tax is history.
    """
    lines = posting.lines
    taxed = [(line, line.tax) for line in lines if line.tax is not None]
    if given.ledger is None or posting.withdrawn or len(taxed) < len(lines):
        return None
    currency = given.snapshot.subscription.currency
    expected = Money.total((tax for _, tax in taxed), currency)
    rates = {tax.item: tax.rate for tax in given.ledger.taxes}
    predicted = Decimal()
    for line in lines:
        predicted += line.net.minor * rates[mapped(given.items, line.item).erp_item]
    if abs(predicted - expected.minor) > len(lines):
        raise Rejection(
            RejectionCode.TAX_MISMATCH,
            f"billing computed {expected} tax, the ERP's rates give "
            f"{Money(minor=round(predicted), currency=currency)}: align the party's tax rule with "
            "billing's tax settings",
            system=SYSTEM,
            subject=given.account.erp_party,
        )
    return expected
