"""What Stripe's invoices and credit notes charge and give back, as billing lines. Pure.

A line keeps Stripe's id, which is what credit notes name.
"""

from collections.abc import Iterable, Mapping, Sequence

from canonical_models.documents import BillingLine
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import counted, instant, line_net, money, taken_off
from connectors.stripe.taxes import Catalogue, Signed, line_taxes, shipping_taxes
from connectors.stripe.wire import Price
from connectors.stripe.wire_documents import (
    CreditNote,
    CreditNoteLine,
    FinalLine,
    Invoice,
    InvoiceLine,
    Pricing,
    Shipping,
)

#: Items of what Stripe bills without a product. Map them like any other item.
UNPRICED = "unpriced"
SHIPPING = "shipping"


def invoice_lines(
    invoice: Invoice, lines: Sequence[InvoiceLine], known: Catalogue
) -> tuple[BillingLine, ...]:
    """All lines of a final invoice, and what it ships."""
    how = Signed(1, invoice.currency)
    found = [_invoice_line(invoice, line, how, known) for line in lines]
    if shipped := _shipping(invoice.id, invoice.shipping_cost, how):
        found.append(shipped.model_copy(update={"subscription_id": only_subscription(lines)}))
    return tuple(found)


def credit_lines(
    note: CreditNote,
    lines: Sequence[CreditNoteLine],
    invoice: Sequence[InvoiceLine],
    known: Catalogue,
) -> tuple[BillingLine, ...]:
    """All lines of a credit note. `invoice` are the lines of what it corrects: it takes product,
    period and subscription from the one it names, and a bare amount is of whom they all are of."""
    how = Signed(-1, note.currency)
    charged = {line.id: line for line in invoice}
    whose = only_subscription(invoice)
    found = [_credit_line(note, line, charged, known) for line in lines]
    found = [
        line if line.corrects else line.model_copy(update={"subscription_id": whose})
        for line in found
    ]
    if shipped := _shipping(note.id, note.shipping_cost, how):
        found.append(
            shipped.model_copy(
                update={"subscription_id": whose, "corrects": f"{note.invoice_id}/shipping"}
            )
        )
    return tuple(found)


def only_subscription(lines: Iterable[InvoiceLine]) -> str | None:
    """The subscription that all lines name; None where they name several, or none."""
    named = {line.of_subscription for line in lines}
    return named.pop() if len(named) == 1 else None


def product_of(pricing: Pricing | None) -> str:
    details = pricing.price_details if pricing else None
    return details.product if details else UNPRICED


def price_of(pricing: Pricing | None) -> str | None:
    details = pricing.price_details if pricing else None
    return details.price if details else None


def described(text: str | None) -> str:
    return (text or "")[:500]


def said_of(
    metadata: Mapping[str, str] | None, price: str | None, prices: Mapping[str, Price]
) -> dict[str, str]:
    """What the price says in its metadata, and what the line says more exactly."""
    sold = prices.get(price or "")
    return {**(sold.metadata if sold else {}), **(metadata or {})}


def _invoice_line(
    invoice: Invoice, line: InvoiceLine, how: Signed, known: Catalogue
) -> BillingLine:
    subject = f"Line {line.id} of invoice {invoice.id}"
    source, price = line.source, price_of(line.pricing)
    return BillingLine(
        line_id=line.id,
        item=product_of(line.pricing),
        price=price,
        description=described(line.description),
        quantity=counted(line.quantity, line.quantity_decimal),
        net=money(line_net(line), how.currency, subject=subject),
        discount=_discount(line, how, subject),
        taxes=line_taxes(line.taxes or (), how, known.rates, subject=subject),
        period_start=instant(line.period.start),
        period_end=instant(line.period.end),
        proration=source.proration if source else False,
        subscription_id=line.of_subscription,
        item_id=source.subscription_item if source else None,
        metadata=said_of(line.metadata, price, known.prices),
    )


def _credit_line(
    note: CreditNote, line: CreditNoteLine, charged: Mapping[str, InvoiceLine], known: Catalogue
) -> BillingLine:
    how, subject = Signed(-1, note.currency), f"Line {line.id} of credit note {note.id}"
    own = BillingLine(
        line_id=line.id,
        item=UNPRICED,
        description=described(line.description),
        quantity=counted(line.quantity, None),
        net=money(-line_net(line), how.currency, subject=subject),
        discount=_discount(line, how, subject),
        taxes=line_taxes(line.taxes or (), how, known.rates, subject=subject),
        metadata=dict(line.metadata or {}),
    )
    if line.type == "custom_line_item":
        return own
    of = charged.get(line.invoice_line_item or "")
    if of is None:
        raise Rejection(
            RejectionCode.DOCUMENT_INCONSISTENT,
            f"{subject} credits the line {line.invoice_line_item} ($.invoice_line_item), which "
            f"invoice {note.invoice_id} does not have: compare both in Stripe; link or skip the "
            "credit note, or post it by hand",
            system=SYSTEM,
            subject=note.id,
        )
    source, price = of.source, price_of(of.pricing)
    return own.model_copy(
        update={
            "item": product_of(of.pricing),
            "price": price,
            "period_start": instant(of.period.start),
            "period_end": instant(of.period.end),
            "proration": source.proration if source else False,
            "subscription_id": of.of_subscription,
            "item_id": source.subscription_item if source else None,
            "metadata": said_of(of.metadata, price, known.prices) | own.metadata,
            "corrects": of.id,
        }
    )


def _shipping(document: str, found: Shipping | None, how: Signed) -> BillingLine | None:
    """What is shipped, as a line of its own; None where nothing is."""
    if found is None or not (found.amount_total or found.amount_subtotal):
        return None
    subject = f"Shipping of {document}"
    return BillingLine(
        line_id=f"{document}/shipping",
        item=SHIPPING,
        price=found.shipping_rate,
        description="Shipping",
        net=money(how.sign * shipping_net(found), how.currency, subject=subject),
        taxes=shipping_taxes(found, how, subject=subject),
    )


def shipping_net(found: Shipping) -> int:
    """Without tax, whether the price holds it or not."""
    return found.amount_total - found.amount_tax


def _discount(line: FinalLine, how: Signed, subject: str) -> Money | None:
    taken = taken_off(line)
    return money(how.sign * taken, how.currency, subject=subject) if taken else None
