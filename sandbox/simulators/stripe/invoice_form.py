"""What the forms of /v1/invoices say about a draft."""

from sandbox.simulators.stripe.automatic_tax import on_invoice, read_form
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import DRAFT_SECONDS
from sandbox.simulators.stripe.discounts import inherited, read_discounts
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import custom_fields, merge_metadata, set_texts, tax_rate_ids
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoice_drafts import due_date
from sandbox.simulators.stripe.invoice_totals import retotal

METHODS = ("charge_automatically", "send_invoice")
_TEXTS = ("description", "footer", "statement_descriptor", "number", "default_payment_method")


def apply(ctx: Context, p: Params, invoice: Json) -> None:
    """Set what was given, and renew the sums of a draft."""
    set_texts(p, invoice, _TEXTS)
    invoice["metadata"] = merge_metadata(p, invoice["metadata"])
    if (fields := custom_fields(p)) is not None:
        invoice["custom_fields"] = fields or None
    _apply_collection(ctx, p, invoice)
    if (rates := tax_rate_ids(ctx, p, "default_tax_rates")) is not None:
        invoice["default_tax_rates"] = rates
    if p.has("automatic_tax"):
        customer = ctx.store.need("customer", invoice["customer"])
        asked = read_form(p, invoice["automatic_tax"])
        invoice["automatic_tax"] = on_invoice(customer, asked)
    if (effective := p.time("effective_at")) is not None:
        invoice["effective_at"] = effective
    if p.has("discounts"):
        _apply_discounts(ctx, p, invoice)
    if invoice["status"] == "draft":
        retotal(ctx, invoice)


def _apply_collection(ctx: Context, p: Params, invoice: Json) -> None:
    """Who moves the invoice on, and by when it is due."""
    now = ctx.now(invoice["customer"])
    if method := p.choice("collection_method", METHODS):
        invoice["collection_method"] = method
    days, due = p.integer("days_until_due", 0, 3650), p.time("due_date")
    if days is not None and due is not None:
        raise StripeError(
            "You may only specify one of these parameters: days_until_due, due_date.",
            param="due_date",
        )
    sent = invoice["collection_method"] == "send_invoice"
    if not sent and (days is not None or due is not None):
        name = "due_date" if days is None else "days_until_due"
        raise StripeError(
            f"You can only set {name} on invoices with collection_method send_invoice.",
            param=name,
        )
    if due is not None:
        if due < now:
            raise StripeError("due_date must be in the future.", param="due_date")
        invoice["due_date"] = due
    elif days is not None or method:
        terms = {"collection_method": invoice["collection_method"], "days_until_due": days}
        invoice["due_date"] = due_date(terms, invoice["created"])
    if (at := p.time("automatically_finalizes_at")) is not None:
        invoice |= {"automatically_finalizes_at": at, "auto_advance": True}
    if (advance := p.boolean("auto_advance")) is not None:
        invoice["auto_advance"] = advance
        if invoice["status"] == "draft":
            planned = invoice["automatically_finalizes_at"] or now + DRAFT_SECONDS
            invoice["automatically_finalizes_at"] = planned if advance else None


def _apply_discounts(ctx: Context, p: Params, invoice: Json) -> None:
    customer = ctx.store.need("customer", invoice["customer"])
    subscription = ctx.store.get(invoice["_subscription"] or "")
    found = read_discounts(
        ctx,
        p,
        customer,
        invoice["currency"],
        known=[*invoice["discounts"], *inherited(ctx, customer, subscription)],
        invoice=invoice["id"],
    )
    invoice["discounts"] = found or []
