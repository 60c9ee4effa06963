"""What Stripe has not made final, as its best prediction. Pure, and never a refusal.

Source: https://docs.stripe.com/billing/invoices/subscription#pending,
https://docs.stripe.com/api/invoiceitems/object (`net_amount`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from canonical_models.documents import BillingLine, Unbilled
from canonical_models.failures import Failure
from connectors.stripe.amounts import (
    counted,
    instant,
    line_net,
    net_of_inclusive,
    shown_money,
    taken_off,
)
from connectors.stripe.lines import described, price_of, product_of, said_of
from connectors.stripe.taxes import Catalogue, Signed, line_taxes
from connectors.stripe.wire import TaxRate
from connectors.stripe.wire_documents import Invoice, InvoiceItem, InvoiceLine
from connectors.stripe.wire_subscriptions import Subscription, SubscriptionItem

#: Said of an amount whose part of tax is not known before the invoice says it.
TAX_INSIDE = " (with a tax inside it that only the invoice will tell)"

#: Subscriptions that bill no further period by themselves.
_ENDED = frozenset({"canceled", "incomplete_expired", "unpaid", "paused"})


class Draft(NamedTuple):
    """A draft invoice with all its lines."""

    invoice: Invoice
    lines: list[InvoiceLine]


def unbilled_of(
    subscription: Subscription,
    items: Sequence[SubscriptionItem],
    pending: Iterable[InvoiceItem],
    drafts: Sequence[Draft],
    *,
    known: Catalogue,
) -> Unbilled:
    """Pending items of the subscription and the lines of its drafts, by their period.

    A line keeps the id of its invoice item, so that it is the same one before and on a draft.
    """
    waiting = [
        item
        for item in pending
        if _of(item) == subscription.id and item.currency == subscription.currency
    ]
    found = {item.id: _pending_line(subscription, item, known) for item in waiting}
    for draft in drafts:
        for line in draft.lines:
            found[source_id(line)] = _draft_line(line, known)
    lines = sorted(filter(None, found.values()), key=_by_period)
    return Unbilled(
        lines=tuple(lines), expected_on=_expected(subscription, items, drafts) if lines else None
    )


def source_id(line: InvoiceLine) -> str:
    """The invoice item that became the line; its own id for the regular charge of a period."""
    return (line.source.invoice_item if line.source else None) or line.id


def _by_period(line: BillingLine) -> tuple[datetime, str]:
    return line.period_start or datetime.min.replace(tzinfo=UTC), line.line_id


def _of(item: InvoiceItem) -> str | None:
    details = item.parent.subscription_details if item.parent else None
    return details.subscription if details else None


def _pending_line(
    subscription: Subscription, item: InvoiceItem, known: Catalogue
) -> BillingLine | None:
    """Its tax is decided by its invoice. None for an amount that cannot be told."""
    price = price_of(item.pricing)
    predicted = item.amount if item.net_amount is None else item.net_amount
    without_tax = net_of_inclusive(predicted, _rates(subscription, item))
    net = shown_money(predicted if without_tax is None else without_tax, item.currency)
    if net is None:
        return None
    said = described(item.description)
    if without_tax is None:
        said = said[: 500 - len(TAX_INSIDE)] + TAX_INSIDE
    off = shown_money(item.amount - predicted, item.currency)
    details = item.parent.subscription_details if item.parent else None
    return BillingLine(
        line_id=item.id,
        item=product_of(item.pricing),
        price=price,
        description=said,
        quantity=counted(item.quantity, item.quantity_decimal),
        net=net,
        discount=off or None,
        period_start=instant(item.period.start),
        period_end=instant(item.period.end),
        proration=item.proration,
        subscription_id=subscription.id,
        item_id=details.subscription_item if details else None,
        metadata=said_of(item.metadata, price, known.prices),
    )


def _rates(subscription: Subscription, item: InvoiceItem) -> Sequence[TaxRate]:
    """The rates that will be found inside the amount, as far as they are set up by hand: what
    Stripe Tax finds is known once the invoice is final, and of some customers nothing is taken."""
    if subscription.automatic_tax.enabled:
        return ()
    if subscription.customer.tax_exempt in ("exempt", "reverse"):
        return ()
    return item.tax_rates or subscription.default_tax_rates or ()


def _draft_line(line: InvoiceLine, known: Catalogue) -> BillingLine | None:
    """Taxes of a draft are shown where there are some: without any it has not decided yet."""
    net = shown_money(line_net(line), line.currency)
    if net is None:
        return None
    source, price = line.source, price_of(line.pricing)
    try:
        taxes = line_taxes(
            line.taxes or (), Signed(1, line.currency), known.rates, subject="A draft"
        )
    except Failure:
        taxes = ()
    return BillingLine(
        line_id=source_id(line),
        item=product_of(line.pricing),
        price=price,
        description=described(line.description),
        quantity=counted(line.quantity, line.quantity_decimal),
        net=net,
        discount=shown_money(taken_off(line), line.currency) or None,
        taxes=taxes or None,
        period_start=instant(line.period.start),
        period_end=instant(line.period.end),
        proration=source.proration if source else False,
        subscription_id=line.of_subscription,
        item_id=source.subscription_item if source else None,
        metadata=said_of(line.metadata, price, known.prices),
    )


def _expected(
    subscription: Subscription, items: Sequence[SubscriptionItem], drafts: Sequence[Draft]
) -> date | None:
    """When a draft becomes final by itself, else when the next invoice takes the pending items."""
    finalizing = [
        draft.invoice.automatically_finalizes_at
        for draft in drafts
        if draft.invoice.automatically_finalizes_at is not None
    ]
    if finalizing:
        return instant(min(finalizing)).date()
    if drafts or subscription.status in _ENDED:
        return None
    next_one = subscription.next_pending_invoice_item_invoice
    if next_one is None:
        next_one = min((item.current_period_end for item in items), default=None)
    return None if next_one is None else instant(next_one).date()
