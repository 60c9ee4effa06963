"""Stripe's objects into the canonical language. Pure: no I/O, no clock."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from pydantic import ValidationError

from canonical_models.commerce import (
    BillingLine,
    BillingSnapshot,
    Customer,
    Plan,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
    SyncMark,
)
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import SYSTEM, wire
from connectors.stripe.amounts import currency_code, instant, money, quantity, rounded
from connectors.stripe.lines import final_lines, pending_lines

#: `unpaid` keeps the subscription but Stripe says to withhold what it gives, as `paused` does.
#: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
_STATUS = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "unpaid": SubscriptionStatus.PAUSED,
    "paused": SubscriptionStatus.PAUSED,
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.CANCELLED,
    "canceled": SubscriptionStatus.CANCELLED,
}

_MARK_CHANGE, _MARK_STATE, _MARK_DOCUMENT = (
    "trueup_change",
    "trueup_state",
    "trueup_erp_document",
)


def snapshot_of(
    subscription: wire.Subscription,
    items: Iterable[wire.SubscriptionItem],
    pending: Iterable[wire.InvoiceItem],
    invoices: Iterable[tuple[wire.Invoice, list[wire.InvoiceLine]]],
    *,
    now: datetime,
) -> BillingSnapshot:
    """All that billing holds of one subscription; lines by the start of their period.

    The reads overlap, so that a pending item may have reached an invoice between two of them: its
    line on the invoice is the newer truth. Raises Rejection and ContractDrift.
    """
    lines = {line.line_id: line for line in pending_lines(subscription, pending)}
    final: dict[str, BillingLine] = {}
    for invoice, invoiced in invoices:
        for line in final_lines(subscription.id, invoice, invoiced):
            if line.line_id in final:
                raise ContractDrift(
                    f"Stripe shows the line {line.line_id} of subscription {subscription.id} on "
                    f"the invoices {final[line.line_id].invoice_id} and {invoice.id}: void one of "
                    "them in Stripe, then retry",
                    system=SYSTEM,
                    payload_path="$.data[*].lines",
                )
            final[line.line_id] = line
    ordered = sorted(
        (lines | final).values(),
        key=lambda line: (line.period_start, line.period_end, line.line_id),
    )
    return BillingSnapshot(
        subscription=_subscription(subscription, items, now),
        lines=tuple(ordered),
        mark=_mark(subscription.metadata),
    )


def mark_metadata(mark: SyncMark) -> dict[str, str]:
    """The metadata that shows `mark`; an empty value removes a key at Stripe."""
    return {
        _MARK_CHANGE: mark.change_id,
        _MARK_STATE: mark.state,
        _MARK_DOCUMENT: mark.erp_document or "",
    }


def _subscription(
    found: wire.Subscription, items: Iterable[wire.SubscriptionItem], now: datetime
) -> Subscription:
    status = _STATUS.get(found.status)
    if status is None:
        raise ContractDrift(
            f"Stripe gives subscription {found.id} a status that is not known here: extend "
            "the mapping of statuses",
            system=SYSTEM,
            payload_path="$.status",
        )
    mapped = tuple(_item(found, item) for item in items)
    ends_at = found.cancel_at
    if ends_at is None and found.cancel_at_period_end:
        ends_at = max((int(item.period_end.timestamp()) for item in mapped), default=None)
    return Subscription(
        subscription_id=found.id,
        customer=_customer(found.customer),
        status=status,
        currency=currency_code(found.currency, subject=f"Subscription {found.id}"),
        items=mapped,
        started_at=instant(found.start_date),
        ends_at=None if ends_at is None else instant(ends_at),
        ended_at=None if found.ended_at is None else instant(found.ended_at),
        # In test mode an object may live on a clock of its own.
        as_of=instant(found.test_clock.frozen_time) if found.test_clock else now,
    )


def _customer(found: wire.Customer) -> Customer:
    location = found.tax.location if found.tax else None
    country = (location.country if location else None) or (
        found.address.country if found.address else None
    )
    return Customer(
        customer_id=found.id,
        currency=currency_code(found.currency, subject=f"Customer {found.id}")
        if found.currency
        else None,
        # People type addresses; what is no country code says nothing.
        tax_country=country if country and len(country) == 2 else None,
    )


def _item(subscription: wire.Subscription, found: wire.SubscriptionItem) -> SubscriptionItem:
    price = found.price
    if price.currency != subscription.currency:
        raise Rejection(
            RejectionCode.CURRENCY_MISMATCH,
            f"Subscription {subscription.id} is in {subscription.currency.upper()} but the price "
            f"{price.id} is in {price.currency.upper()}: give it a price of its own currency",
            system=SYSTEM,
            subject=price.id,
        )
    return SubscriptionItem(
        item_id=found.id,
        plan=Plan(plan_id=price.id, item=price.product, unit_price=_unit_price(price)),
        quantity=quantity(found.quantity, found.id),
        period_start=instant(found.current_period_start),
        period_end=instant(found.current_period_end),
    )


def _unit_price(price: wire.Price) -> Money:
    """What one unit costs; a price finer than the smallest unit is rounded to it.

    It only serves to compare plans: what is charged is in the lines, exact.
    """
    subject = f"Price {price.id}"
    if price.unit_amount is not None:
        return money(price.unit_amount, price.currency, subject=subject)
    if price.billing_scheme == "tiered":
        raise Rejection(
            RejectionCode.AMOUNT_OUT_OF_RANGE,
            f"{subject} is tiered and so has no unit price that plans could be compared by: use a "
            "price per unit for this subscription",
            system=SYSTEM,
            subject=price.id,
        )
    if price.unit_amount_decimal is None:
        raise ContractDrift(
            f"{subject} has neither a unit amount nor a decimal one: look at it in Stripe",
            system=SYSTEM,
            payload_path="$.items.data[*].price.unit_amount_decimal",
        )
    return money(rounded(Fraction(price.unit_amount_decimal)), price.currency, subject=subject)


def _mark(metadata: dict[str, str]) -> SyncMark | None:
    """What we last wrote; None where there is nothing, or people changed it past recognition."""
    try:
        return SyncMark(
            change_id=metadata.get(_MARK_CHANGE, ""),
            state=metadata.get(_MARK_STATE, ""),
            erp_document=metadata.get(_MARK_DOCUMENT) or None,
        )
    except ValidationError:
        return None
