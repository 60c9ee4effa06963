"""Stripe's objects into the canonical language. Pure: no I/O, no clock."""

from collections.abc import Iterable, Sequence, Set
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
from connectors.stripe.credit_notes import Noted, credit_lines, void_credit_ids
from connectors.stripe.invoices import canonical_invoices
from connectors.stripe.lines import final_lines, is_final, line_ids, pending_lines
from connectors.stripe.payments import Billed, Charged, movements
from connectors.stripe.wire_invoices import InvoiceItem

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
    pending: Iterable[InvoiceItem],
    billed: Sequence[Billed],
    charged: Sequence[Charged],
    noted: Sequence[Noted],
    *,
    now: datetime,
) -> BillingSnapshot:
    """All that billing holds of one subscription; lines by the start of their period.

    The reads overlap, so that a pending item may have reached an invoice between two of them: its
    line on a final invoice is the newer truth, that on a draft is told once it no longer waits.
    Raises Rejection and ContractDrift.
    """
    # In test mode an object may live on a clock of its own.
    clock = subscription.test_clock
    as_of = instant(clock.frozen_time) if clock else now
    lines = {line.line_id: line for line in pending_lines(subscription, pending)}
    lines |= _final(subscription, billed)
    lines |= {line.line_id: line for line in credit_lines(subscription.id, billed, noted)}
    voided = {
        *_ids_on(subscription, billed, "void", beside=lines.keys()),
        *void_credit_ids(subscription.id, billed, noted),
    }
    ordered = sorted(
        lines.values(), key=lambda line: (line.period_start, line.period_end, line.line_id)
    )
    return BillingSnapshot(
        subscription=_subscription(subscription, items, as_of),
        lines=tuple(ordered),
        mark=_mark(subscription.metadata),
        drafted=tuple(sorted(_ids_on(subscription, billed, "draft", beside=lines.keys()))),
        voided=tuple(sorted(voided)),
        invoices=canonical_invoices(subscription, billed, charged, as_of=as_of),
        payments=movements(billed, charged),
    )


def _final(subscription: wire.Subscription, billed: Iterable[Billed]) -> dict[str, BillingLine]:
    """The lines that are owed for good, by id."""
    final: dict[str, BillingLine] = {}
    for invoice, invoiced, _ in billed:
        if not is_final(invoice):
            continue
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
    return final


def _ids_on(
    subscription: wire.Subscription, billed: Iterable[Billed], status: str, *, beside: Set[str]
) -> Set[str]:
    """Ids of lines on invoices of `status` that are not owed elsewhere, such as on the revision
    that replaced a void invoice."""
    found = {
        line_id
        for invoice, invoiced, _ in billed
        if invoice.status == status
        for line_id in line_ids(subscription.id, invoiced)
    }
    return found - beside


def mark_metadata(mark: SyncMark) -> dict[str, str]:
    """The metadata that shows `mark`; an empty value removes a key at Stripe."""
    return {
        _MARK_CHANGE: mark.change_id,
        _MARK_STATE: mark.state,
        _MARK_DOCUMENT: mark.erp_document or "",
    }


def _subscription(
    found: wire.Subscription, items: Iterable[wire.SubscriptionItem], as_of: datetime
) -> Subscription:
    mapped = tuple(_item(found, item) for item in items)
    ends_at = found.cancel_at
    if ends_at is None and found.cancel_at_period_end:
        ends_at = max((int(item.period_end.timestamp()) for item in mapped), default=None)
    return Subscription(
        subscription_id=found.id,
        customer=_customer(found.customer),
        status=_status(found),
        currency=currency_code(found.currency, subject=f"Subscription {found.id}"),
        items=mapped,
        started_at=instant(found.start_date),
        ends_at=None if ends_at is None else instant(ends_at),
        ended_at=None if found.ended_at is None else instant(found.ended_at),
        as_of=as_of,
    )


def _status(found: wire.Subscription) -> SubscriptionStatus:
    status = _STATUS.get(found.status)
    if status is None:
        raise ContractDrift(
            f"Stripe gives subscription {found.id} a status that is not known here: extend "
            "the mapping of statuses",
            system=SYSTEM,
            payload_path="$.status",
        )
    # Voiding what it bills is for times when nothing can be delivered; the other ways of pausing
    # the collection go on delivering.
    # https://docs.stripe.com/billing/subscriptions/pause-payment
    pause = found.pause_collection
    if pause is not None and pause.behavior == "void" and status.grants_access:
        return SubscriptionStatus.PAUSED
    return status


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
