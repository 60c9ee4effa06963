"""Invoice items themselves: what forms and prorations make of them, and their lines on a draft.

Whoever puts an item on a draft, changes it there or takes it off renews the draft's sums.
"""

from decimal import Decimal

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.discounts import inherited, read_discounts
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import merge_metadata, set_texts, tax_rate_ids
from sandbox.simulators.stripe.forms import MOST_QUANTITY, Params
from sandbox.simulators.stripe.invoice_lines import (
    invoice_items_on,
    line_of_invoice_item,
    pricing,
)
from sandbox.simulators.stripe.items import item_price
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.price_forms import price_from
from sandbox.simulators.stripe.pricing import currencies, in_currency, total
from sandbox.simulators.stripe.proration import Span, line_amount
from sandbox.simulators.stripe.proration_discounts import rescale, settle


def blank_item(customer: Json, currency: str, now: int) -> Json:
    """An invoice item with all members at rest; pending until an invoice takes it."""
    return {
        "id": new_id("ii"),
        "object": "invoiceitem",
        "amount": 0,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": now,
        "description": None,
        "discountable": True,
        "discounts": [],
        "frozen_fields": [],
        "invoice": None,
        "invoicing_rules": [],
        "livemode": False,
        "metadata": {},
        "net_amount": 0,
        "parent": None,
        "period": {"start": now, "end": now},
        "pricing": None,
        "proration": False,
        "proration_details": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": customer["test_clock"],
        "_cuts": None,
        "_included": False,
        "_subscription": None,
    }


def proration_item(
    ctx: Context,
    subscription: Json,
    item: Json,
    *,
    amount: int,
    cuts: list[Json],
    span: Span,
    description: str,
    credited: Json | None,
) -> Json:
    """A pending proration of a subscription item, gross, with what discounts take off it.

    `credited` names the debit it takes back.
    """
    customer = ctx.store.need("customer", subscription["customer"])
    price = item_price(ctx, item)
    entry = blank_item(customer, price["currency"], ctx.now(customer["id"])) | {
        "description": description,
        "discountable": False,
        "parent": _parent(subscription["id"], item["id"]),
        "period": {"start": span.start, "end": span.end},
        "pricing": pricing(price),
        "proration": True,
        "proration_details": {"credited_items": credited, "discount_amounts": []},
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "tax_rates": list(item["tax_rates"]),
        "_subscription": subscription["id"],
    }
    settle(entry, subscription, amount, cuts)
    ctx.create(entry, "invoiceitem.created")
    return entry


def _parent(subscription: str, item: str | None) -> Json:
    return {
        "subscription_details": {"subscription": subscription, "subscription_item": item},
        "type": "subscription_details",
    }


def new_entry(
    ctx: Context,
    p: Params,
    customer: Json,
    invoice: Json | None,
    subscription: str | None = None,
) -> Json:
    """A stored item of the form, with `invoiceitem.created`: pending, or on a draft invoice."""
    entry = blank_item(customer, customer["currency"] or "", ctx.now(customer["id"]))
    if subscription:
        entry |= {"parent": _parent(subscription, None), "_subscription": subscription}
    _apply(ctx, p, entry)
    if entry["amount"] < 0 and not p.has("discountable"):
        # https://docs.stripe.com/api/invoiceitems/create#create_invoiceitem-discountable
        entry["discountable"] = False
    if invoice is not None:
        put_on(invoice, entry)
    ctx.create(entry, "invoiceitem.created")
    return entry


def put_on(invoice: Json, entry: Json) -> None:
    """Make a pending item the last line of a draft, in place.

    Refuses an item of another currency, of another customer, or of another invoice.
    """
    if entry["currency"] != invoice["currency"]:
        raise StripeError(
            f"The currency of the invoice item ({entry['currency']}) must match the invoice's "
            f"({invoice['currency']}).",
            param="currency",
        )
    if entry["invoice"] is not None or entry["customer"] != invoice["customer"]:
        raise StripeError(
            f"The invoice item {entry['id']} is on an invoice already, or of another customer.",
            param="invoice_item",
        )
    entry["invoice"] = invoice["id"]
    invoice["lines"].append(line_of_invoice_item(entry))


def change(ctx: Context, p: Params, entry: Json, invoice: Json | None) -> Json:
    """Change an item by the form and, on a draft, its line."""
    before = ctx.view(entry)
    _apply(ctx, p, entry)
    ctx.save(entry, before)
    if invoice is not None:
        line = line_of_invoice_item(entry)
        for index, old in enumerate(invoice["lines"]):
            if entry["id"] in invoice_items_on({"lines": [old]}):
                invoice["lines"][index] = line | {"id": old["id"]}
    return entry


def take_off(invoice: Json, entry: Json) -> None:
    """Remove the item's line from a draft."""
    invoice["lines"] = [
        line for line in invoice["lines"] if entry["id"] not in invoice_items_on({"lines": [line]})
    ]


def forget(ctx: Context, entry: Json) -> None:
    """Delete a stored item, with its event."""
    ctx.emit("invoiceitem.deleted", ctx.view(entry))
    ctx.store.delete(entry["id"])


def must_be_draft(invoice: Json) -> None:
    """Refuse to change what a final invoice bills."""
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is no longer editable: its items can't be changed.",
            code="invoice_not_editable",
            param="invoice",
        )


def _apply(ctx: Context, p: Params, entry: Json) -> None:
    """Set what was given; the amount follows from a price, a unit or the amount itself."""
    quantity = p.integer("quantity", 0, MOST_QUANTITY)
    if quantity is not None:
        entry |= {"quantity": quantity, "quantity_decimal": str(quantity)}
    _apply_amount(ctx, p, entry)
    set_texts(p, entry, ("description",))
    if period := p.sub("period"):
        span = {"start": period.need_time("start"), "end": period.need_time("end")}
        if span["end"] < span["start"]:
            raise StripeError("A period ends after it starts.", param=period.name("end"))
        entry["period"] = span
    if (discountable := p.boolean("discountable")) is not None:
        if discountable and entry["proration"]:
            raise StripeError(
                "Prorations can't be made discountable.", param=p.name("discountable")
            )
        entry["discountable"] = discountable
    if p.has("discounts"):
        _apply_discounts(ctx, p, entry)
    if (rates := tax_rate_ids(ctx, p, "tax_rates")) is not None:
        entry["tax_rates"] = rates
    entry["metadata"] = merge_metadata(p, entry["metadata"])


def _apply_discounts(ctx: Context, p: Params, entry: Json) -> None:
    if entry["proration"]:
        raise StripeError("The discounts of a proration are frozen.", param=p.name("discounts"))
    customer = ctx.store.need("customer", entry["customer"])
    subscription = ctx.store.get(entry["_subscription"] or "")
    found = read_discounts(
        ctx,
        p,
        customer,
        entry["currency"],
        known=[*entry["discounts"], *inherited(ctx, customer, subscription)],
        invoice_item=entry["id"],
    )
    entry["discounts"] = found or []


def _apply_amount(ctx: Context, p: Params, entry: Json) -> None:
    amount, price = p.integer("amount"), _price(ctx, p)
    if given := p.text("currency"):
        entry["currency"] = currency_code(given)
    if price is not None:
        if entry["currency"] in currencies(price):
            price = in_currency(price, entry["currency"], "pricing[price]")
        entry["pricing"] = pricing(price)
        entry["currency"] = price["currency"]
        product = ctx.store.need("product", price["product"])
        entry["description"] = entry["description"] or product["name"]
        amount = total(price, entry["quantity"])
    elif amount is None:
        amount = _counted(p, entry)
    if amount is not None and entry["proration"]:
        rescale(entry, amount)
    elif amount is not None:
        entry |= {"amount": amount, "net_amount": amount}
    if not entry["currency"]:
        raise StripeError(
            "Missing required param: currency.", code="parameter_missing", param="currency"
        )


def _price(ctx: Context, p: Params) -> Json | None:
    if source := p.sub("pricing"):
        return ctx.store.need("price", source.need("price"), source.name("price"))
    if data := p.sub("price_data"):
        product = ctx.store.need("product", data.need("product"), data.name("product"))
        made = price_from(ctx, data, product["id"])
        return ctx.store.need("price", made["id"])
    return None


def _counted(p: Params, entry: Json) -> int | None:
    """The amount by a given unit, or by another quantity of the unit that is known."""
    unit = p.decimal("unit_amount_decimal")
    if unit is not None:
        entry["pricing"] = {
            "price_details": None,
            "type": "price_details",
            "unit_amount_decimal": str(unit),
        }
    elif entry["pricing"] and p.has("quantity") and not entry["proration"]:
        unit = Decimal(entry["pricing"]["unit_amount_decimal"])
    return None if unit is None else line_amount(unit, entry["quantity"])
