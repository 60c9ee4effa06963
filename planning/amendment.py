"""From what billing says now and what was agreed last: the exact plan of a change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from canonical_models.amendment import Amendment, AmendmentPlan
from canonical_models.commerce import BillingLine, BillingSnapshot, Subscription, SubscriptionStatus
from canonical_models.entitlement import (
    Grant,
    GrantSource,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    AccountMapping,
    DocumentDraft,
    DocumentLine,
    ItemMapping,
    LedgerAnswer,
)
from canonical_models.money import Money
from planning.classify import classify, describe
from planning.support import merged_support, support_of

SYSTEM = "trueup"


@dataclass(frozen=True)
class PlanInput:
    """Everything that a plan depends on; equal inputs give equal plans."""

    change_id: str
    snapshot: BillingSnapshot
    #: The subscription as all systems last agreed on it; None before the first time.
    previous: Subscription | None
    #: Lines that an ERP document of another change carries.
    posted: frozenset[str]
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


def plan_amendment(given: PlanInput) -> AmendmentPlan:
    """Raises Rejection for what a person must mend first: unmapped item, mixed currencies, tax."""
    subscription = given.snapshot.subscription
    lines = unposted(given.snapshot, given.posted)
    kind = classify(given.previous, subscription, billed=bool(lines))
    grants = granted(subscription, given.items, given.grants)
    names = {key: mapping.erp_item for key, mapping in given.items.items()}
    organization = given.account.support_organization
    share = support_of(subscription, grants, given.items, given.tiers)
    support = merged_support(organization, (share, *given.others), given.tiers)
    return AmendmentPlan(
        change_id=given.change_id,
        subscription_id=subscription.subscription_id,
        amendment=Amendment(
            kind=kind,
            summary=describe(kind, given.previous, subscription, names),
            customer_id=subscription.customer.customer_id,
            effective_at=subscription.ended_at or subscription.as_of,
        ),
        document=_document(given, lines),
        expected_tax=_expected_tax(given, lines),
        taxes=given.ledger.taxes if given.ledger else (),
        grants_before=given.grants,
        grants=grants,
        organization=organization,
        share=share,
        share_before=given.share or SubscriptionSupport(tier=None, contract_end=None),
        support=None if support == given.support else support,
    )


def unposted(snapshot: BillingSnapshot, posted: frozenset[str]) -> tuple[BillingLine, ...]:
    """The lines that no document carries yet, in the order of their ids; empty amounts left out."""
    return tuple(
        sorted(
            (line for line in snapshot.lines if line.net and line.line_id not in posted),
            key=lambda line: line.line_id,
        )
    )


def mapped(items: Mapping[str, ItemMapping], item: str) -> ItemMapping:
    try:
        return items[item]
    except KeyError:
        raise Rejection(
            RejectionCode.ITEM_UNMAPPED,
            f"billing item {item} has no ERP item: map it with `trueup mappings set item {item}`, "
            "or correct the exception with the mapping",
            system=SYSTEM,
            subject=item,
        ) from None


def granted(
    subscription: Subscription, items: Mapping[str, ItemMapping], before: tuple[Grant, ...]
) -> tuple[Grant, ...]:
    """What the subscription gives now. A grant that did not change keeps its start."""
    if not subscription.status.grants_access:
        return ()
    source = (
        GrantSource.TRIAL
        if subscription.status is SubscriptionStatus.TRIALING
        else GrantSource.SUBSCRIPTION
    )
    known = {
        (grant.feature, grant.source, grant.source_id, grant.quantity): grant for grant in before
    }
    grants = []
    for item in subscription.items:
        if not item.quantity:
            continue
        mapping = mapped(items, item.plan.item)
        features = dict.fromkeys(mapping.included, 1)
        features |= dict.fromkeys(mapping.per_unit, item.quantity)
        for feature, quantity in sorted(features.items()):
            held = known.get((feature, source, item.item_id, quantity))
            grants.append(
                Grant(
                    customer_id=subscription.customer.customer_id,
                    feature=feature,
                    source=source,
                    source_id=item.item_id,
                    subscription_id=subscription.subscription_id,
                    quantity=quantity,
                    starts_at=held.starts_at if held else subscription.as_of,
                    ends_at=subscription.ends_at,
                )
            )
    return tuple(sorted(grants, key=lambda grant: (grant.source_id, grant.feature)))


def _document(given: PlanInput, lines: tuple[BillingLine, ...]) -> DocumentDraft | None:
    if not lines:
        return None
    currency = given.snapshot.subscription.currency
    for line in lines:
        if line.net.currency != currency:
            raise Rejection(
                RejectionCode.CURRENCY_MISMATCH,
                f"line {line.line_id} is in {line.net.currency}, the subscription in {currency}: "
                "bill the line on a subscription of its own currency",
                system=SYSTEM,
                subject=line.line_id,
            )
    return DocumentDraft(
        reference=given.change_id,
        legal_entity=given.account.legal_entity,
        party=given.account.erp_party,
        currency=currency,
        posting_date=given.posting_date,
        lines=tuple(
            DocumentLine(
                line_id=line.line_id,
                item=mapped(given.items, line.item).erp_item,
                description=line.description,
                net=line.net,
            )
            for line in lines
        ),
    )


def _expected_tax(given: PlanInput, lines: tuple[BillingLine, ...]) -> Money | None:
    """Billing's tax, once it is known to agree with the ERP's rates.

    Billing rounds each line and the ERP each document, so one minor unit a line is no difference.
    None where billing leaves tax to the ERP.
    """
    taxed = [(line, line.tax) for line in lines if line.tax is not None]
    if given.ledger is None or len(taxed) < len(lines):
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
