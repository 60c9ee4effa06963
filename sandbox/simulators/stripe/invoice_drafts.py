"""Drafts: what an invoice takes over when it is made, and the pending items that join it."""

from sandbox.simulators.stripe.automatic_tax import on_invoice
from sandbox.simulators.stripe.blanks import blank_invoice
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.customers import use_currency
from sandbox.simulators.stripe.discounts import inherited, use_up
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.invoice_lines import invoice_items_on, line_of_invoice_item
from sandbox.simulators.stripe.invoice_totals import retotal
from sandbox.simulators.stripe.periods import DAY


def draft(
    ctx: Context,
    customer: Json,
    currency: str,
    *,
    reason: str,
    lines: list[Json],
    subscription: Json | None = None,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
) -> Json:
    """A stored draft with its lines and `invoice.created`; takes its settings from `subscription`.

    Returns the stored object, not the view.
    """
    now = ctx.now(customer["id"])
    use_currency(ctx, customer, currency)
    start, end = period or (now, now)
    source: Json = subscription or {
        "collection_method": "charge_automatically",
        "days_until_due": None,
        "default_tax_rates": [],
        "automatic_tax": {"enabled": False, "liability": None},
    }
    invoice = blank_invoice(customer, currency, now) | {
        "auto_advance": subscription is not None,
        "automatic_tax": on_invoice(customer, source["automatic_tax"]),
        "billing_reason": reason,
        "collection_method": source["collection_method"],
        "custom_fields": customer["invoice_settings"]["custom_fields"],
        "default_tax_rates": list(source["default_tax_rates"]),
        "discounts": inherited(ctx, customer, subscription),
        "due_date": due_date(source, now),
        "footer": customer["invoice_settings"]["footer"],
        "lines": lines,
        "period_start": start,
        "period_end": end,
        "_pending_update": bool(source.get("_pending")),
        "_subscription": subscription["id"] if subscription else None,
    }
    if subscription:
        invoice["parent"] = {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
                "subscription_proration_date": proration_date,
            },
            "type": "subscription_details",
        }
    _attach_items(ctx, invoice)
    retotal(ctx, invoice)
    ctx.create(invoice, "invoice.created")
    if reason != "manual":
        use_up(ctx, invoice, subscription)
    return invoice


def due_date(source: Json, now: int) -> int | None:
    """When a sent invoice is due; Stripe's default is thirty days."""
    if source["collection_method"] != "send_invoice":
        return None
    days = source["days_until_due"]
    return now + (30 if days is None else int(days)) * DAY


def pending_items(
    ctx: Context, customer: str, currency: str, subscription: str | None
) -> list[Json]:
    """Invoice items not yet on an invoice, oldest first.

    With a subscription: its own and those that name none. Without: only those that name none.
    """
    found = ctx.store.find("invoiceitem", customer=customer, oldest_first=True)
    return [
        entry
        for entry in found
        if entry["invoice"] is None
        and entry["currency"] == currency
        and entry["_subscription"] in (None, subscription)
    ]


def pending_lines(
    ctx: Context, customer: str, currency: str, subscription: str | None
) -> list[Json]:
    """The lines that all pending items would make."""
    return [line_of_invoice_item(e) for e in pending_items(ctx, customer, currency, subscription)]


def _attach_items(ctx: Context, invoice: Json) -> None:
    for key in invoice_items_on(invoice):
        entry = ctx.store.need("invoiceitem", key)
        entry["invoice"] = invoice["id"]
        ctx.store.put(entry)
        _note_debit_line(ctx, invoice, entry)


def _note_debit_line(ctx: Context, invoice: Json, entry: Json) -> None:
    """Let a later credit of this proration name the invoice line it takes back."""
    subscription = ctx.store.get(entry["_subscription"] or "")
    for item in (subscription or {"items": []})["items"]:
        debit = item["_debit"]
        if debit and debit["invoice_item"] == entry["id"] and subscription:
            debit["invoice"] = invoice["id"]
            debit["line"] = next(
                line["id"] for line in invoice["lines"] if entry["id"] in _sources(line)
            )
            ctx.store.put(subscription)


def _sources(line: Json) -> list[str]:
    return list(invoice_items_on({"lines": [line]}))
