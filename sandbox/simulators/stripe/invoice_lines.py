"""Invoice lines: what a subscription item, a proration or an invoice item puts on an invoice."""

from collections.abc import Iterator
from decimal import Decimal

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.discounting import taken
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.money import interval_text, money_text
from sandbox.simulators.stripe.pricing import Part, parts
from sandbox.simulators.stripe.proration import Span, line_amount

TIMES = "\N{MULTIPLICATION SIGN}"


def pricing(price: Json, unit: str | None = None) -> Json:
    """The `pricing` member that points at a price and its product; of a tier with its `unit`."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": unit or price["unit_amount_decimal"],
    }


def cycle_text(ctx: Context, price: Json, part: Part) -> str:
    """Quantity, product and unit price, such as `(at €10.00 / month)` for the last."""
    name = ctx.store.need("product", price["product"])["name"]
    tier = "" if part.tier is None else f"Tier {part.tier} "
    interval = interval_text(price["recurring"])
    if part.flat:
        fee = money_text(part.amount, price["currency"])
        return f"{name} ({tier}flat fee at {fee} / {interval})"
    shown = money_text(line_amount(Decimal(part.unit or 0), 1), price["currency"])
    if package := price["transform_quantity"]:
        shown = f"{shown} per {package['divide_by']}"
    return f"{part.quantity} {TIMES} {name} ({tier}at {shown} / {interval})"


def whole_lines(ctx: Context, item: Json, quantity: int, span: Span) -> list[Json]:
    """What a whole period of an item charges: a line, or one for each tier."""
    price = item_price(ctx, item)
    return [
        item_line(
            ctx,
            item,
            amount=part.amount,
            span=span,
            description=cycle_text(ctx, price, part),
            part=part,
        )
        for part in parts(price, quantity)
    ]


def item_line(
    ctx: Context,
    item: Json,
    *,
    amount: int,
    span: Span,
    description: str,
    cuts: list[Json] | None = None,
    included: bool = False,
    part: Part | None = None,
) -> Json:
    """A line that a subscription item causes by itself, without an invoice item.

    With `cuts` it is a proration, whose discounts are settled; its `amount` is gross, and shown
    without them where they are `included`. Of a `part` of the price it has quantity and unit.
    """
    proration = cuts is not None
    price = item_price(ctx, item)
    details: Json = {
        "invoice_item": None,
        "proration": proration,
        "proration_details": {"credited_items": None} if proration else None,
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return _line(
        amount=amount - taken(cuts or []) if included else amount,
        currency=price["currency"],
        description=description,
        discounts=own_of(cuts) if cuts is not None else list(item["discounts"]),
        metadata=dict(item["metadata"]),
        parent={
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        period={"start": span.start, "end": span.end},
        pricing=pricing(price, part.unit if part else None),
        quantity=part.quantity if part else item["quantity"] or 0,
        discountable=not proration,
        rates=item["tax_rates"],
        cuts=cuts,
        included=included,
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
        discounts=list(entry["discounts"]),
        metadata=dict(entry["metadata"]),
        parent=parent,
        period=dict(entry["period"]),
        pricing=entry["pricing"],
        quantity=entry["quantity"],
        discountable=entry["discountable"],
        rates=entry["tax_rates"],
        cuts=entry["_cuts"],
        included=entry["_included"],
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
    discounts: list[str],
    metadata: Json,
    parent: Json,
    period: Json,
    pricing: Json | None,
    quantity: int | None,
    discountable: bool,
    rates: list[str],
    cuts: list[Json] | None,
    included: bool,
) -> Json:
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": discounts,
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
        "_cuts": cuts,
        "_included": included,
        "_rates": rates,
    }


def own_of(cuts: list[Json]) -> list[str]:
    """The discounts among cuts that are an item's own."""
    return [entry["discount"] for entry in cuts if entry["item"]]


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
