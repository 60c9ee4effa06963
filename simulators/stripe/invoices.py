"""The life of an invoice: draft → open → paid, void or uncollectible.

https://docs.stripe.com/invoicing/overview. Amounts are minor units. A customer without further
setting pays at once; `/_sim/customers/{id}/payment` makes the attempts fail.
"""

from simulators.stripe.arrears import in_arrears, out_of_arrears
from simulators.stripe.blanks import blank_invoice
from simulators.stripe.context import Context
from simulators.stripe.customers import use_currency
from simulators.stripe.errors import Json, StripeError, declined
from simulators.stripe.invoice_lines import invoice_items_on, line_of_invoice_item, retotal
from simulators.stripe.payments import (
    cancel_default,
    charge_default,
    charge_part,
    decline_default,
    follow_remaining,
    open_default,
    payments_of,
    record_outside,
)
from simulators.stripe.periods import DAY
from simulators.stripe.tax_ids import tax_ids_of

# Days from one failed attempt to the next; after the last the invoice stays open.
RETRY_DAYS = (3, 5, 7)


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
    }
    invoice = blank_invoice(customer, currency, now) | {
        "auto_advance": subscription is not None,
        "billing_reason": reason,
        "collection_method": source["collection_method"],
        "customer_tax_ids": tax_ids_of(ctx, customer["id"]),
        "default_tax_rates": list(source["default_tax_rates"]),
        "due_date": due_date(source, now),
        "lines": lines,
        "period_start": start,
        "period_end": end,
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


def finalize(ctx: Context, invoice: Json) -> Json:
    """Number the draft and open it; collect it if it collects itself. Returns the view."""
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    before = ctx.view(invoice)
    customer = ctx.store.need("customer", invoice["customer"])
    retotal(ctx, invoice)
    now = ctx.now(customer["id"])
    invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    invoice["ending_balance"] = min(customer["balance"] + invoice["total"], 0)
    invoice["status"] = "open"
    invoice["customer_tax_ids"] = tax_ids_of(ctx, customer["id"])
    invoice["effective_at"] = now
    invoice["automatically_finalizes_at"] = None
    invoice["status_transitions"]["finalized_at"] = now
    customer["next_invoice_sequence"] += 1
    customer_before = ctx.view(customer)
    customer["balance"] = invoice["ending_balance"]
    ctx.save(customer, customer_before, "customer.updated")
    shown = ctx.save(invoice, before, "invoice.finalized", "invoice.updated")
    if invoice["amount_due"] == 0:
        return mark_paid(ctx, invoice)
    open_default(ctx, invoice)
    if invoice["auto_advance"] and invoice["collection_method"] == "send_invoice":
        ctx.emit("invoice.sent", shown)
    elif invoice["auto_advance"]:
        return collect(ctx, invoice)
    return shown


def collect(ctx: Context, invoice: Json, *, by_hand: bool = False) -> Json:
    """Try to charge an open invoice; a failure leaves it open with a next attempt.

    Attempts by hand after the first one leave the schedule of the retries as it is.
    """
    customer = ctx.store.need("customer", invoice["customer"])
    before, count = ctx.view(invoice), invoice["attempt_count"]
    if not (by_hand and invoice["attempted"]):
        invoice |= {"attempted": True, "attempt_count": count + 1}
    if customer["_payment"] == "succeed":
        charge_default(ctx, invoice)
        return mark_paid(ctx, invoice)
    decline_default(ctx, invoice)
    if invoice["attempt_count"] > count:
        waits = invoice["auto_advance"] and count < len(RETRY_DAYS)
        retry = ctx.now(customer["id"]) + RETRY_DAYS[count] * DAY if waits else None
        invoice["next_payment_attempt"] = retry
    shown = ctx.save(invoice, before, "invoice.updated", "invoice.payment_failed")
    in_arrears(ctx, invoice)
    return shown


def pay(ctx: Context, invoice: Json, *, out_of_band: bool = False) -> Json:
    """`POST …/pay`. Raises the card refusal, whose effects stay, for a customer set to fail."""
    if invoice["status"] == "draft":
        finalize(ctx, invoice | {"auto_advance": False})
        invoice = ctx.store.need("invoice", invoice["id"])
    if invoice["status"] == "paid":
        raise StripeError("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(f"A {invoice['status']} invoice cannot be paid.")
    if out_of_band:
        invoice["amount_paid_off_stripe"] += invoice["amount_remaining"]
        record_outside(ctx, invoice, invoice["amount_remaining"])
        return mark_paid(ctx, invoice)
    shown = collect(ctx, invoice, by_hand=True)
    if shown["status"] != "paid":
        raise declined()
    return shown


def pay_part(ctx: Context, invoice: Json, amount: int) -> Json:
    """Money for a part of an open invoice, by a payment of its own; the last part settles it."""
    left = invoice["amount_remaining"]
    if invoice["status"] not in ("open", "uncollectible") or not 0 < amount <= left:
        raise StripeError(
            f"{amount} cannot be paid on invoice {invoice['id']}: it is {invoice['status']}, and "
            f"{left} of it remains."
        )
    before = ctx.view(invoice)
    charge_part(ctx, invoice, amount)
    if amount == left:
        return mark_paid(ctx, invoice)
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] -= amount
    follow_remaining(ctx, invoice)
    return ctx.save(invoice, before, "invoice.updated")


def mark_paid(ctx: Context, invoice: Json) -> Json:
    """Settle in full what remains due."""
    before = ctx.view(ctx.store.need("invoice", invoice["id"]))
    invoice["amount_paid"] += invoice["amount_remaining"]
    invoice["amount_remaining"] = 0
    follow_remaining(ctx, invoice)
    invoice["status"] = "paid"
    invoice["next_payment_attempt"] = None
    invoice["status_transitions"]["paid_at"] = ctx.now(invoice["customer"])
    shown = ctx.save(
        invoice, before, "invoice.updated", "invoice.paid", "invoice.payment_succeeded"
    )
    out_of_arrears(ctx, invoice)
    return shown


def close(ctx: Context, invoice: Json, status: str) -> Json:
    """`void` or `uncollectible`, from open (void also from uncollectible).

    Amounts stay as they are. Stripe's refusals have no code: whoever repeats reads the status.
    """
    allowed = ("open", "uncollectible") if status == "void" else ("open",)
    if invoice["status"] == status == "uncollectible":
        raise StripeError("This invoice has already been marked uncollectible.")
    if status == "void" and any(p["status"] == "paid" for p in payments_of(ctx, invoice)):
        raise StripeError("Invoices with `paid` payments cannot be voided.")
    if invoice["status"] not in allowed:
        raise StripeError("You can only pass in open invoices. This invoice isn't open.")
    before = ctx.view(invoice)
    now = ctx.now(invoice["customer"])
    invoice["status"] = status
    invoice["next_payment_attempt"] = None
    if status == "void":
        invoice["status_transitions"]["voided_at"] = now
        cancel_default(ctx, invoice, "void_invoice")
        shown = ctx.save(invoice, before, "invoice.updated", "invoice.voided")
    else:
        invoice["status_transitions"]["marked_uncollectible_at"] = now
        invoice["status_details"] = {"uncollectible": {"reason": "user_forgiven"}}
        shown = ctx.save(invoice, before, "invoice.updated", "invoice.marked_uncollectible")
    out_of_arrears(ctx, invoice)
    return shown
