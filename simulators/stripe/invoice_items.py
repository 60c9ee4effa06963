"""/v1/invoiceitems, and the invoice items that prorations make."""

from decimal import Decimal

from simulators.stripe.catalog import price_from
from simulators.stripe.context import Context, new_id
from simulators.stripe.errors import Json, StripeError
from simulators.stripe.fields import Routes, deleted, merge_metadata, set_texts, tax_rate_ids
from simulators.stripe.forms import MOST_QUANTITY, Params
from simulators.stripe.invoice_lines import (
    full_amount,
    invoice_items_on,
    line_of_invoice_item,
    pricing,
    retotal,
)
from simulators.stripe.listing import page
from simulators.stripe.money import currency_code
from simulators.stripe.proration import Span, line_amount


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
        "_subscription": None,
    }


def proration_item(
    ctx: Context,
    subscription: Json,
    item: Json,
    *,
    amount: int,
    span: Span,
    description: str,
    credited: Json | None,
) -> Json:
    """A pending proration of a subscription item; `credited` names the debit it takes back."""
    customer = ctx.store.need("customer", subscription["customer"])
    price = ctx.store.need("price", item["price"])
    entry = blank_item(customer, price["currency"], ctx.now(customer["id"])) | {
        "amount": amount,
        "net_amount": amount,
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
    ctx.create(entry, "invoiceitem.created")
    return entry


def _parent(subscription: str, item: str | None) -> Json:
    return {
        "subscription_details": {"subscription": subscription, "subscription_item": item},
        "type": "subscription_details",
    }


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A one-off charge or credit, pending or on the given draft `invoice`."""
    invoice = None
    if invoice_id := p.text("invoice"):
        invoice = ctx.store.need("invoice", invoice_id, "invoice")
        _must_be_draft(invoice)
    owner = p.text("customer") or (invoice["customer"] if invoice else p.need("customer"))
    customer = ctx.store.need("customer", owner, "customer")
    entry = blank_item(customer, customer["currency"] or "", ctx.now(owner))
    if subscription := p.text("subscription"):
        ctx.store.need("subscription", subscription, "subscription")
        entry["parent"] = _parent(subscription, None)
        entry["_subscription"] = subscription
    _apply(ctx, p, entry)
    if invoice is not None and entry["currency"] != invoice["currency"]:
        raise StripeError(
            f"The currency of the invoice item ({entry['currency']}) must match the invoice's "
            f"({invoice['currency']}).",
            param="currency",
        )
    if invoice is not None:
        entry["invoice"] = invoice["id"]
    shown = ctx.create(entry, "invoiceitem.created")
    if invoice is not None:
        before = ctx.view(invoice)
        invoice["lines"].append(line_of_invoice_item(entry))
        retotal(ctx, invoice)
        ctx.save(invoice, before, "invoice.updated")
    return shown


def _apply(ctx: Context, p: Params, entry: Json) -> None:
    """Set what was given; the amount follows from a price, a unit or the amount itself."""
    quantity = p.integer("quantity", 0, MOST_QUANTITY)
    if quantity is not None:
        entry |= {"quantity": quantity, "quantity_decimal": str(quantity)}
    _apply_amount(ctx, p, entry)
    set_texts(p, entry, ("description",))
    if period := p.sub("period"):
        entry["period"] = {
            "start": period.need_time("start"),
            "end": period.need_time("end"),
        }
    if (discountable := p.boolean("discountable")) is not None:
        entry["discountable"] = discountable
    if (rates := tax_rate_ids(ctx, p, "tax_rates")) is not None:
        entry["tax_rates"] = rates
    entry["metadata"] = merge_metadata(p, entry["metadata"])


def _apply_amount(ctx: Context, p: Params, entry: Json) -> None:
    amount, unit = p.integer("amount"), p.decimal("unit_amount_decimal")
    price = None
    if source := p.sub("pricing"):
        price = ctx.store.need("price", source.need("price"), "pricing[price]")
    elif data := p.sub("price_data"):
        price = price_from(ctx, data, ctx.store.need("product", data.need("product"))["id"])
    if given := p.text("currency"):
        entry["currency"] = currency_code(given)
    if price is not None:
        entry["pricing"] = pricing(price)
        entry["currency"] = price["currency"]
        product = ctx.store.need("product", price["product"])
        entry["description"] = entry["description"] or product["name"]
        amount = full_amount(price, entry["quantity"])
    elif unit is not None:
        amount = line_amount(unit, entry["quantity"])
        entry["pricing"] = {
            "price_details": None,
            "type": "price_details",
            "unit_amount_decimal": str(unit),
        }
    elif amount is None and entry["pricing"] and entry["pricing"]["unit_amount_decimal"]:
        amount = line_amount(Decimal(entry["pricing"]["unit_amount_decimal"]), entry["quantity"])
    if amount is not None:
        entry |= {"amount": amount, "net_amount": amount}
    if not entry["currency"]:
        raise StripeError(
            "Missing required param: currency.", code="parameter_missing", param="currency"
        )


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change an item that is pending or on a draft."""
    entry = ctx.store.need("invoiceitem", path["id"])
    invoice = _draft_of(ctx, entry)
    before = ctx.view(entry)
    _apply(ctx, p, entry)
    shown = ctx.save(entry, before)
    if invoice is not None:
        invoice_before = ctx.view(invoice)
        line = line_of_invoice_item(entry)
        for index, old in enumerate(invoice["lines"]):
            if entry["id"] in invoice_items_on({"lines": [old]}):
                invoice["lines"][index] = line | {"id": old["id"]}
        retotal(ctx, invoice)
        ctx.save(invoice, invoice_before, "invoice.updated")
    return shown


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Remove an item that is pending or on a draft."""
    entry = ctx.store.need("invoiceitem", path["id"])
    invoice = _draft_of(ctx, entry)
    if invoice is not None:
        before = ctx.view(invoice)
        invoice["lines"] = [
            line
            for line in invoice["lines"]
            if entry["id"] not in invoice_items_on({"lines": [line]})
        ]
        retotal(ctx, invoice)
        ctx.save(invoice, before, "invoice.updated")
    ctx.emit("invoiceitem.deleted", ctx.view(entry))
    ctx.store.delete(entry["id"])
    return deleted(entry)


def _draft_of(ctx: Context, entry: Json) -> Json | None:
    if entry["invoice"] is None:
        return None
    invoice = ctx.store.need("invoice", entry["invoice"])
    _must_be_draft(invoice)
    return invoice


def _must_be_draft(invoice: Json) -> None:
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is no longer editable: its items can't be changed.",
            code="invoice_not_editable",
            param="invoice",
        )


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One invoice item."""
    return ctx.view(ctx.store.need("invoiceitem", path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `customer`, `invoice` and `pending`."""
    invoice, pending = p.text("invoice"), p.boolean("pending")
    return page(
        ctx,
        p,
        "invoiceitem",
        "/v1/invoiceitems",
        customer=p.text("customer"),
        keep=lambda o: (
            (invoice is None or o["invoice"] == invoice)
            and (pending is None or (o["invoice"] is None) == pending)
        ),
    )


ROUTES: Routes = [
    ("POST", "/v1/invoiceitems", create),
    ("GET", "/v1/invoiceitems", listing),
    ("GET", "/v1/invoiceitems/{id}", retrieve),
    ("POST", "/v1/invoiceitems/{id}", update),
    ("DELETE", "/v1/invoiceitems/{id}", delete),
]
