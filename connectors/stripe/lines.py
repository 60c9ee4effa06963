"""What Stripe charges and credits, pending and final, as billing lines. Pure.

A line keeps one id for life: that of the invoice item where it comes from one, whether the item
still waits or has become a line of an invoice; else that of the invoice line.
"""

from collections.abc import Iterable

from canonical_models.commerce import BillingLine
from canonical_models.failures import ContractDrift
from connectors.stripe import SYSTEM, wire
from connectors.stripe.amounts import (
    instant,
    line_net,
    line_tax,
    money,
    net_of_inclusive,
    quantity,
)

#: Item of a line that Stripe bills as a bare amount. Map it like any other item.
UNPRICED = "unpriced"

_FINAL = frozenset({"open", "paid", "uncollectible"})


def is_final(invoice: wire.Invoice) -> bool:
    """Whether the invoice's lines are owed for good: neither draft nor void."""
    return invoice.status in _FINAL


def pending_lines(
    subscription: wire.Subscription, pending: Iterable[wire.InvoiceItem]
) -> Iterable[BillingLine]:
    for found in pending:
        source = found.parent.subscription_details if found.parent else None
        if source is None or source.subscription != subscription.id:
            continue
        net = _pending_net(subscription, found)
        if net is None:
            continue
        yield BillingLine(
            line_id=found.id,
            item=_product(found.pricing),
            description=_description(found.description),
            quantity=quantity(found.quantity, found.id),
            net=money(net, found.currency, subject=f"Invoice item {found.id}"),
            proration=found.proration,
            period_start=instant(found.period.start),
            period_end=instant(found.period.end),
        )


def _pending_net(subscription: wire.Subscription, found: wire.InvoiceItem) -> int | None:
    """The net amount, or None where Stripe Tax decides it only on the invoice.

    Such an item is left out until its invoice is final, whose event brings it.
    """
    if subscription.automatic_tax.enabled:
        details = found.pricing.price_details if found.pricing else None
        price = details.price if details else None
        outside = isinstance(price, wire.TaxedPrice) and price.tax_behavior == "exclusive"
        return found.amount if outside else None
    if subscription.customer.tax_exempt in ("exempt", "reverse"):
        return found.amount
    return net_of_inclusive(found.amount, found.tax_rates or subscription.default_tax_rates or ())


def final_lines(
    subscription: str, invoice: wire.Invoice, lines: list[wire.InvoiceLine]
) -> Iterable[BillingLine]:
    _prove_total(invoice, lines)
    for found in lines:
        source = _source(found)
        if source and source.subscription not in (None, subscription):
            continue
        subject = f"Line {found.id} of invoice {invoice.id}"
        tax = line_tax(found.taxes)
        yield BillingLine(
            line_id=(source.invoice_item if source else None) or found.id,
            item=_product(found.pricing),
            description=_description(found.description),
            quantity=quantity(found.quantity, found.id),
            net=money(line_net(found), found.currency, subject=subject),
            tax=None if tax is None else money(tax, found.currency, subject=subject),
            proration=source.proration if source else False,
            period_start=instant(found.period.start),
            period_end=instant(found.period.end),
            invoice_id=invoice.id,
        )


def _prove_total(invoice: wire.Invoice, lines: list[wire.InvoiceLine]) -> None:
    """The lines as we read them add up to what Stripe says the invoice is without tax."""
    if invoice.total_excluding_tax is None:
        return
    shipping = invoice.shipping_cost.amount_subtotal if invoice.shipping_cost else 0
    ours, theirs = sum(map(line_net, lines)), invoice.total_excluding_tax - shipping
    if ours != theirs:
        raise ContractDrift(
            f"The lines of invoice {invoice.id} add up to {ours} without tax where Stripe says "
            f"{theirs} (smallest units of {invoice.currency.upper()}): nothing is posted from it; "
            "compare the invoice in Stripe and report it",
            system=SYSTEM,
            payload_path="$.data[*].total_excluding_tax",
        )


def _source(line: wire.InvoiceLine) -> wire.LineSource | None:
    if line.parent is None:
        return None
    return line.parent.subscription_item_details or line.parent.invoice_item_details


def _product(pricing: wire.Pricing | None) -> str:
    details = pricing.price_details if pricing else None
    return details.product if details else UNPRICED


def _description(text: str | None) -> str:
    return (text or "")[:500]
