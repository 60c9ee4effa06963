"""The lines of an invoice: to read, and on a draft to add, change and take off in bulk.

https://docs.stripe.com/invoicing/bulk-update-line-item
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import Routes, living, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoice_item_entries import (
    change,
    forget,
    must_be_draft,
    new_entry,
    put_on,
    take_off,
)
from sandbox.simulators.stripe.invoice_lines import invoice_items_on
from sandbox.simulators.stripe.invoice_totals import retotal
from sandbox.simulators.stripe.listing import page_of

_MOST_LINES = 250


def listing(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """All lines, in pages: the invoice itself embeds only the first ten."""
    invoice = ctx.store.need("invoice", path["id"])
    shown = [public(line) for line in invoice["lines"]]
    return page_of(p, shown, f"/v1/invoices/{invoice['id']}/lines")


def public(line: Json) -> Json:
    """A line without our own notes."""
    return {key: value for key, value in line.items() if not key.startswith("_")}


def add(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """More lines on a draft, of new items or of pending ones (`invoice_item`)."""
    invoice, before = _draft(ctx, path)
    customer = living(ctx, invoice["customer"], "customer")
    for line in _lines(p):
        if key := line.text("invoice_item"):
            entry = ctx.store.need("invoiceitem", key, line.name("invoice_item"))
            put_on(invoice, entry)
            change(ctx, line, entry, invoice)
        else:
            new_entry(ctx, line, customer | {"currency": invoice["currency"]}, invoice)
    return _saved(ctx, p, invoice, before)


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change lines of a draft, each by its `id`."""
    invoice, before = _draft(ctx, path)
    for form in _lines(p):
        _change_line(ctx, form, invoice, _line(invoice, form.need("id"), form.name("id")))
    return _saved(ctx, p, invoice, before)


def update_one(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change one line of a draft; answers the line."""
    invoice, before = _draft(ctx, path)
    _change_line(ctx, p, invoice, _line(invoice, path["line"], None))
    retotal(ctx, invoice)
    ctx.save(invoice, before, "invoice.updated")
    return public(_line(invoice, path["line"], None))


def remove(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Take lines off a draft: their items are deleted, or pending again (`unassign`)."""
    invoice, before = _draft(ctx, path)
    for form in _lines(p):
        line = _line(invoice, form.need("id"), form.name("id"))
        behaviour = form.choice("behavior", ("delete", "unassign")) or form.need("behavior")
        for key in list(invoice_items_on({"lines": [line]})):
            entry = ctx.store.need("invoiceitem", key)
            take_off(invoice, entry)
            entry["invoice"] = None
            ctx.store.put(entry)
            if behaviour == "delete":
                forget(ctx, entry)
        if line in invoice["lines"]:
            raise StripeError(
                "Lines of a subscription's period cannot be removed.", param=form.name("id")
            )
    return _saved(ctx, p, invoice, before)


def _draft(ctx: Context, path: dict[str, str]) -> tuple[Json, Json]:
    invoice = ctx.store.need("invoice", path["id"])
    must_be_draft(invoice)
    return invoice, ctx.view(invoice)


def _lines(p: Params) -> list[Params]:
    given = p.subs("lines") or []
    if not 0 < len(given) <= _MOST_LINES:
        raise StripeError(f"Give one to {_MOST_LINES} lines.", param="lines")
    return given


def _line(invoice: Json, key: str, param: str | None) -> Json:
    for line in invoice["lines"]:
        if line["id"] == key:
            found: Json = line
            return found
    raise missing("line_item", key[:80], param)


def _change_line(ctx: Context, form: Params, invoice: Json, line: Json) -> None:
    keys = list(invoice_items_on({"lines": [line]}))
    if keys:
        change(ctx, form, ctx.store.need("invoiceitem", keys[0]), invoice)
        return
    # The line of a subscription's period has no item behind it: only its words can change here.
    if (text := form.text("description")) is not None:
        line["description"] = text or None
    line["metadata"] = merge_metadata(form, line["metadata"])


def _saved(ctx: Context, p: Params, invoice: Json, before: Json) -> Json:
    if given := p.mapping("invoice_metadata"):
        invoice["metadata"] = invoice["metadata"] | given
    retotal(ctx, invoice)
    return ctx.save(invoice, before, "invoice.updated")


ROUTES: Routes = [
    ("GET", "/v1/invoices/{id}/lines", listing),
    ("POST", "/v1/invoices/{id}/add_lines", add),
    ("POST", "/v1/invoices/{id}/update_lines", update),
    ("POST", "/v1/invoices/{id}/remove_lines", remove),
    ("POST", "/v1/invoices/{id}/lines/{line}", update_one),
]
