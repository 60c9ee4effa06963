"""/v1/invoiceitems (https://docs.stripe.com/api/invoiceitems)."""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.fields import Routes, deleted, living, living_owner
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoice_item_entries import (
    change,
    forget,
    must_be_draft,
    new_entry,
    take_off,
)
from sandbox.simulators.stripe.invoice_totals import retotal
from sandbox.simulators.stripe.listing import page


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A one-off charge or credit, pending or on the given draft `invoice`."""
    invoice = None
    if invoice_id := p.text("invoice"):
        invoice = ctx.store.need("invoice", invoice_id, "invoice")
        must_be_draft(invoice)
    owner = p.text("customer") or (invoice["customer"] if invoice else p.need("customer"))
    customer = living(ctx, owner, "customer")
    subscription = p.text("subscription")
    if subscription:
        ctx.store.need("subscription", subscription, "subscription")
    before = ctx.view(invoice) if invoice else {}
    entry = new_entry(ctx, p, customer, invoice, subscription or None)
    if invoice is not None:
        retotal(ctx, invoice)
        ctx.save(invoice, before, "invoice.updated")
    return ctx.view(entry)


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change an item that is pending or on a draft."""
    entry = ctx.store.need("invoiceitem", path["id"])
    invoice = _draft_of(ctx, entry)
    if invoice is None:
        return ctx.view(change(ctx, p, entry, None))
    before = ctx.view(invoice)
    change(ctx, p, entry, invoice)
    retotal(ctx, invoice)
    ctx.save(invoice, before, "invoice.updated")
    return ctx.view(entry)


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Remove an item that is pending or on a draft."""
    entry = ctx.store.need("invoiceitem", path["id"])
    invoice = _draft_of(ctx, entry)
    if invoice is not None:
        before = ctx.view(invoice)
        take_off(invoice, entry)
        retotal(ctx, invoice)
        ctx.save(invoice, before, "invoice.updated")
    forget(ctx, entry)
    return deleted(entry)


def _draft_of(ctx: Context, entry: Json) -> Json | None:
    if entry["invoice"] is None:
        return None
    invoice = ctx.store.need("invoice", entry["invoice"])
    must_be_draft(invoice)
    return invoice


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
        customer=living_owner(ctx, p),
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
