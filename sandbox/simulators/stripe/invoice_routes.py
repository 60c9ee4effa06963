"""/v1/invoices"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, deleted, living
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoice_drafts import draft, pending_lines
from sandbox.simulators.stripe.invoice_form import METHODS, apply
from sandbox.simulators.stripe.invoice_lines import invoice_items_on
from sandbox.simulators.stripe.invoices import close, finalize, pay
from sandbox.simulators.stripe.listing import page, range_filter
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.previews import preview


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A manual draft; pending items join it when `pending_invoice_items_behavior=include`."""
    subscription = None
    if key := p.text("subscription"):
        subscription = ctx.store.need("subscription", key, "subscription")
    owner = p.text("customer") or (subscription or {}).get("customer") or p.need("customer")
    customer = living(ctx, owner, "customer")
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
    apply(ctx, p, invoice)
    ctx.store.put(invoice)
    return ctx.view(invoice)


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
    apply(ctx, p, invoice)
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
    if invoice["collection_method"] != "send_invoice":
        raise StripeError(
            "You can only manually send an invoice if its collection method is 'send_invoice'."
        )
    if invoice["status"] in ("paid", "void", "uncollectible"):
        raise StripeError(f"A {invoice['status']} invoice can't be sent.")
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


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer, subscription, status, collection method and due date."""
    status = p.choice("status", ("draft", "open", "paid", "uncollectible", "void"))
    method = p.choice("collection_method", METHODS)
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
    ("POST", "/v1/invoices/{id}/finalize", do_finalize),
    ("POST", "/v1/invoices/{id}/pay", do_pay),
    ("POST", "/v1/invoices/{id}/send", do_send),
    ("POST", "/v1/invoices/{id}/void", do_void),
    ("POST", "/v1/invoices/{id}/mark_uncollectible", do_uncollectible),
]
