"""Invoice lines: what a subscription item, a proration or an invoice item puts on an invoice."""

from collections.abc import Iterator
from decimal import Decimal

from simulators.stripe.context import Context, new_id
from simulators.stripe.errors import Json
from simulators.stripe.money import interval_text, money_text
from simulators.stripe.proration import Span, line_amount
from simulators.stripe.taxes import behaviour_sum, line_taxes, totals

TIMES = "\N{MULTIPLICATION SIGN}"


def pricing(price: Json) -> Json:
    """The `pricing` member that points at a price and its product."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def full_amount(price: Json, quantity: int) -> int:
    """A whole period of a quantity, minor units."""
    return line_amount(Decimal(price["unit_amount_decimal"]), quantity)


def cycle_text(ctx: Context, price: Json, quantity: int) -> str:
    """Quantity, product and unit price, such as `(at €10.00 / month)` for the last."""
    product = ctx.store.need("product", price["product"])
    unit = price["unit_amount"]
    if unit is None:
        unit = line_amount(Decimal(price["unit_amount_decimal"]), 1)
    shown = money_text(unit, price["currency"])
    return (
        f"{quantity} {TIMES} {product['name']} (at {shown} / {interval_text(price['recurring'])})"
    )


def item_line(
    ctx: Context,
    item: Json,
    *,
    amount: int,
    span: Span,
    description: str,
    proration: bool = False,
) -> Json:
    """A line that a subscription item causes by itself, without an invoice item."""
    price = ctx.store.need("price", item["price"])
    details: Json = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None} if proration else None,
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return _line(
        amount=amount,
        currency=price["currency"],
        description=description,
        metadata=dict(item["metadata"]),
        parent={
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        period={"start": span.start, "end": span.end},
        pricing=pricing(price),
        quantity=item["quantity"],
        discountable=not proration,
        rates=item["tax_rates"],
    )


def line_of_invoice_item(entry: Json) -> Json:
    """The line an invoice item becomes; prorations of an item keep naming the item."""
    details = (entry["parent"] or {}).get("subscription_details") or {}
    common: Json = {
        "invoice_item": entry["id"],
        "proration": entry["proration"],
        "proration_details": _credited_lines(entry),
        "subscription": details.get("subscription"),
    }
    if item := details.get("subscription_item"):
        parent: Json = {
            "invoice_item_details": None,
            "subscription_item_details": {**common, "subscription_item": item},
            "type": "subscription_item_details",
        }
    else:
        parent = {
            "invoice_item_details": common,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return _line(
        amount=entry["amount"],
        currency=entry["currency"],
        description=entry["description"],
        metadata=dict(entry["metadata"]),
        parent=parent,
        period=dict(entry["period"]),
        pricing=entry["pricing"],
        quantity=entry["quantity"],
        discountable=entry["discountable"],
        rates=entry["tax_rates"],
    )


def _credited_lines(entry: Json) -> Json | None:
    if not entry["proration"]:
        return None
    credited = entry["proration_details"]["credited_items"]
    return {"credited_items": credited["invoice_line_item_details"] if credited else None}


def _line(  # noqa: PLR0913 - a line has this many members
    *,
    amount: int,
    currency: str,
    description: str | None,
    metadata: Json,
    parent: Json,
    period: Json,
    pricing: Json | None,
    quantity: int | None,
    discountable: bool,
    rates: list[str],
) -> Json:
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": metadata,
        "parent": parent,
        "period": period,
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": None if quantity is None else str(quantity),
        "subscription": subscription_of(parent),
        "subtotal": amount,
        "taxes": [],
        "_rates": rates,
    }


def subscription_of(parent: Json) -> str | None:
    """The subscription named by a line's parent."""
    details = parent["subscription_item_details"] or parent["invoice_item_details"]
    found: str | None = details["subscription"]
    return found


def invoice_items_on(invoice: Json) -> Iterator[str]:
    """Ids of the invoice items behind an invoice's lines."""
    for line in invoice["lines"]:
        parent = line["parent"]
        details = parent["subscription_item_details"] or parent["invoice_item_details"]
        if details["invoice_item"]:
            yield details["invoice_item"]


def retotal(ctx: Context, invoice: Json) -> None:
    """Compute taxes by line and all sums of an invoice that is not yet final, in place."""
    customer = ctx.store.need("customer", invoice["customer"])
    for line in invoice["lines"]:
        line["invoice"] = invoice["id"]
        rates = [
            ctx.store.need("tax_rate", key)
            for key in line["_rates"] or invoice["default_tax_rates"]
        ]
        line["taxes"] = line_taxes(line["amount"], rates)
        if customer["tax_exempt"] != "none":
            reason = {"exempt": "customer_exempt", "reverse": "reverse_charge"}
            for tax in line["taxes"]:
                tax |= {"amount": 0, "taxability_reason": reason[customer["tax_exempt"]]}
    subtotal = sum(line["amount"] for line in invoice["lines"])
    taxes = totals(invoice["lines"])
    inclusive = behaviour_sum(taxes, "inclusive")
    total = subtotal + behaviour_sum(taxes, "exclusive")
    balance = customer["balance"] + total
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": subtotal - inclusive,
        "total_taxes": taxes,
        "starting_balance": customer["balance"],
        "amount_due": max(balance, 0),
        "amount_remaining": max(balance, 0),
    }
