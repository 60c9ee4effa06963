"""What Stripe charges and credits, pending and final, as billing lines. Pure.

A line keeps one id for life: that of the invoice item where it comes from one, whether the item
still waits or has become a line of an invoice; else that of the invoice line.
"""

from collections.abc import Iterable

from canonical_models.commerce import BillingLine
from canonical_models.failures import ContractDrift
from connectors.stripe import SYSTEM, wire_invoices
from connectors.stripe.amounts import (
    instant,
    line_net,
    line_tax,
    money,
    net_of_inclusive,
    quantity,
)
from connectors.stripe.wire import Subscription
from connectors.stripe.wire_invoices import (
    CreditNote,
    FinalLine,
    Invoice,
    InvoiceItem,
    InvoiceLine,
)

#: Item of a line that Stripe bills as a bare amount. Map it like any other item.
UNPRICED = "unpriced"

_FINAL = frozenset({"open", "paid", "uncollectible"})


def is_final(invoice: Invoice) -> bool:
    """Whether the invoice's lines are owed for good: neither draft nor void."""
    return invoice.status in _FINAL


def pending_lines(
    subscription: Subscription, pending: Iterable[InvoiceItem]
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
            item=product_of(found.pricing),
            item_id=source.subscription_item,
            description=described(found.description),
            quantity=quantity(found.quantity, found.id),
            net=money(net, found.currency, subject=f"Invoice item {found.id}"),
            proration=found.proration,
            period_start=instant(found.period.start),
            period_end=instant(found.period.end),
        )


def _pending_net(subscription: Subscription, found: InvoiceItem) -> int | None:
    """The net amount, or None where Stripe Tax decides it only on the invoice.

    Such an item is left out until its invoice is final, whose event brings it.
    """
    if subscription.automatic_tax.enabled:
        details = found.pricing.price_details if found.pricing else None
        price = details.price if details else None
        outside = isinstance(price, wire_invoices.TaxedPrice) and price.tax_behavior == "exclusive"
        return found.amount if outside else None
    if subscription.customer.tax_exempt in ("exempt", "reverse"):
        return found.amount
    return net_of_inclusive(found.amount, found.tax_rates or subscription.default_tax_rates or ())


def final_lines(
    subscription: str, invoice: Invoice, lines: list[InvoiceLine]
) -> Iterable[BillingLine]:
    prove_total(f"invoice {invoice.id}", invoice, lines)
    for found in _own(subscription, lines):
        source = source_of(found)
        subject = f"Line {found.id} of invoice {invoice.id}"
        tax = line_tax(found.taxes)
        yield BillingLine(
            line_id=_line_id(found),
            item=product_of(found.pricing),
            item_id=source.subscription_item if source else None,
            description=described(found.description),
            quantity=quantity(found.quantity, found.id),
            net=money(line_net(found), found.currency, subject=subject),
            tax=None if tax is None else money(tax, found.currency, subject=subject),
            proration=source.proration if source else False,
            period_start=instant(found.period.start),
            period_end=instant(found.period.end),
            invoice_id=invoice.id,
        )


def line_ids(subscription: str, lines: list[InvoiceLine]) -> Iterable[str]:
    """Ids of the subscription's lines, as they are or would be once the invoice is final."""
    return map(_line_id, _own(subscription, lines))


def is_own(subscription: str, line: InvoiceLine) -> bool:
    """Whether a line on the subscription's invoice is the subscription's, or of none."""
    source = source_of(line)
    return source is None or source.subscription in (None, subscription)


def _own(subscription: str, lines: list[InvoiceLine]) -> Iterable[InvoiceLine]:
    return (found for found in lines if is_own(subscription, found))


def _line_id(line: InvoiceLine) -> str:
    source = source_of(line)
    return (source.invoice_item if source else None) or line.id


def prove_total(words: str, found: Invoice | CreditNote, lines: Iterable[FinalLine]) -> None:
    """The lines as we read them add up to what Stripe says the whole is without tax.

    Raises ContractDrift; `words` name what was `found`.
    """
    if found.total_excluding_tax is None:
        return
    shipping = found.shipping_cost.amount_subtotal if found.shipping_cost else 0
    ours, theirs = sum(map(line_net, lines)), found.total_excluding_tax - shipping
    if ours != theirs:
        raise ContractDrift(
            f"The lines of {words} add up to {ours} without tax where Stripe says {theirs} "
            f"(smallest units of {found.currency.upper()}): nothing is posted from it; compare it "
            "in Stripe and report it",
            system=SYSTEM,
            payload_path="$.data[*].total_excluding_tax",
        )


def source_of(line: InvoiceLine) -> wire_invoices.LineSource | None:
    if line.parent is None:
        return None
    return line.parent.subscription_item_details or line.parent.invoice_item_details


def product_of(pricing: wire_invoices.Pricing | None) -> str:
    details = pricing.price_details if pricing else None
    return details.product if details else UNPRICED


def described(text: str | None) -> str:
    return (text or "")[:500]
