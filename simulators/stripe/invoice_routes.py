"""/v1/invoices"""

from simulators.stripe.context import Context
from simulators.stripe.errors import Json, StripeError
from simulators.stripe.fields import Routes, deleted, merge_metadata, set_texts, tax_rate_ids
from simulators.stripe.forms import Params
from simulators.stripe.invoice_lines import invoice_items_on, retotal
from simulators.stripe.invoices import close, draft, due_date, finalize, pay, pending_lines
from simulators.stripe.listing import page, page_of, range_filter
from simulators.stripe.money import currency_code
from simulators.stripe.previews import preview

_METHODS = ("charge_automatically", "send_invoice")
_TEXTS = ("description", "footer", "statement_descriptor")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A manual draft; pending items join it when `pending_invoice_items_behavior=include`."""
    subscription = None
    if key := p.text("subscription"):
        subscription = ctx.store.need("subscription", key, "subscription")
    owner = p.text("customer") or (subscription or {}).get("customer") or p.need("customer")
    customer = ctx.store.need("customer", owner, "customer")
    currency = (subscription or customer)["currency"]
    if given := p.text("currency"):
        currency = currency_code(given)
    if not currency:
        raise StripeError("Missing required param: currency.", param="currency")
    include = p.choice("pending_invoice_items_behavior", ("exclude", "include"))
    wanted = include == "include" or (include is None and subscription is not None)
    lines = pending_lines(ctx, owner, currency, key or None) if wanted else []
    invoice = draft(
        ctx, customer, currency, reason="manual", lines=lines, subscription=subscription
    )
    invoice["auto_advance"] = False
    _apply(ctx, p, invoice)
    ctx.store.put(invoice)
    return ctx.view(invoice)


def _apply(ctx: Context, p: Params, invoice: Json) -> None:
    set_texts(p, invoice, _TEXTS)
    invoice["metadata"] = merge_metadata(p, invoice["metadata"])
    if (advance := p.boolean("auto_advance")) is not None:
        invoice["auto_advance"] = advance
    if method := p.choice("collection_method", _METHODS):
        invoice["collection_method"] = method
    days, due = p.integer("days_until_due", 0, 3650), p.time("due_date")
    if due is not None:
        invoice["due_date"] = due
    elif days is not None or method:
        terms = {"collection_method": invoice["collection_method"], "days_until_due": days}
        invoice["due_date"] = due_date(terms, ctx.now(invoice["customer"]))
    if (rates := tax_rate_ids(ctx, p, "default_tax_rates")) is not None:
        invoice["default_tax_rates"] = rates
    if (at := p.time("automatically_finalizes_at")) is not None:
        invoice["automatically_finalizes_at"] = at
    if invoice["status"] == "draft":
        retotal(ctx, invoice)


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Anything of a draft; of a final invoice only metadata and `auto_advance`."""
    invoice = ctx.store.need("invoice", path["id"])
    free = {"metadata", "auto_advance", "expand"}
    if invoice["status"] != "draft" and (fixed := sorted(set(p.keys()) - free)):
        raise StripeError(
            f"Finalized invoices can't be updated in this way: {', '.join(fixed)}.",
            code="invoice_not_editable",
            param=fixed[0],
        )
    before = ctx.view(invoice)
    _apply(ctx, p, invoice)
    return ctx.save(invoice, before, "invoice.updated")


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Delete a manual draft; its items are pending again."""
    invoice = ctx.store.need("invoice", path["id"])
    if invoice["status"] != "draft" or invoice["billing_reason"] != "manual":
        raise StripeError(
            "You can only delete draft invoices that were made by hand; void the others."
        )
    for key in list(invoice_items_on(invoice)):
        entry = ctx.store.need("invoiceitem", key)
        entry["invoice"] = None
        ctx.store.put(entry)
    ctx.emit("invoice.deleted", ctx.view(invoice))
    ctx.store.delete(invoice["id"])
    return deleted(invoice)


def do_finalize(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Finalize a draft now."""
    invoice = ctx.store.need("invoice", path["id"])
    if (advance := p.boolean("auto_advance")) is not None:
        invoice["auto_advance"] = advance
    return finalize(ctx, invoice)


def do_pay(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Pay now, by the customer's card or `paid_out_of_band`."""
    p.text("payment_method")
    p.boolean("off_session")
    invoice = ctx.store.need("invoice", path["id"])
    return pay(ctx, invoice, out_of_band=p.boolean("paid_out_of_band") or False)


def do_send(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Finalize if need be, and tell that it was sent."""
    invoice = ctx.store.need("invoice", path["id"])
    if invoice["status"] == "draft":
        finalize(ctx, invoice | {"auto_advance": False})
        invoice = ctx.store.need("invoice", path["id"])
    shown = ctx.view(invoice)
    ctx.emit("invoice.sent", shown)
    return shown


def do_void(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Void an open invoice."""
    return close(ctx, ctx.store.need("invoice", path["id"]), "void")


def do_uncollectible(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Give an open invoice up."""
    return close(ctx, ctx.store.need("invoice", path["id"]), "uncollectible")


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One invoice."""
    return ctx.view(ctx.store.need("invoice", path["id"]))


def lines(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """All lines, in pages: the invoice itself embeds only the first ten."""
    invoice = ctx.store.need("invoice", path["id"])
    shown = [
        {key: value for key, value in line.items() if not key.startswith("_")}
        for line in invoice["lines"]
    ]
    return page_of(p, shown, f"/v1/invoices/{invoice['id']}/lines")


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer, subscription, status, collection method and due date."""
    status = p.choice("status", ("draft", "open", "paid", "uncollectible", "void"))
    method = p.choice("collection_method", _METHODS)
    asks_due, due = p.has("due_date"), range_filter(p, "due_date")
    return page(
        ctx,
        p,
        "invoice",
        "/v1/invoices",
        customer=p.text("customer"),
        subscription=p.text("subscription"),
        keep=lambda o: (
            (status is None or o["status"] == status)
            and (method is None or o["collection_method"] == method)
            and (not asks_due or (o["due_date"] is not None and due(o["due_date"])))
        ),
    )


ROUTES: Routes = [
    ("POST", "/v1/invoices/create_preview", preview),
    ("POST", "/v1/invoices", create),
    ("GET", "/v1/invoices", listing),
    ("GET", "/v1/invoices/{id}", retrieve),
    ("POST", "/v1/invoices/{id}", update),
    ("DELETE", "/v1/invoices/{id}", delete),
    ("GET", "/v1/invoices/{id}/lines", lines),
    ("POST", "/v1/invoices/{id}/finalize", do_finalize),
    ("POST", "/v1/invoices/{id}/pay", do_pay),
    ("POST", "/v1/invoices/{id}/send", do_send),
    ("POST", "/v1/invoices/{id}/void", do_void),
    ("POST", "/v1/invoices/{id}/mark_uncollectible", do_uncollectible),
]
