"""The life of an invoice: draft → open → paid, void or uncollectible.

https://docs.stripe.com/invoicing/overview. Amounts are minor units. A customer without further
setting pays at once; `/_sim/customers/{id}/payment` makes the attempts fail.
"""

from sandbox.simulators.stripe import credit_balance, pending_updates
from sandbox.simulators.stripe.arrears import in_arrears, out_of_arrears
from sandbox.simulators.stripe.automatic_tax import before_final
from sandbox.simulators.stripe.billing_settings import billing
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.customer_balance import change_by, post, record
from sandbox.simulators.stripe.discounts import use_up
from sandbox.simulators.stripe.errors import Json, StripeError, declined, missing
from sandbox.simulators.stripe.fields import living
from sandbox.simulators.stripe.invoice_totals import retotal
from sandbox.simulators.stripe.money import least_charge
from sandbox.simulators.stripe.payments import (
    cancel_default,
    charge_default,
    charge_part,
    decline_default,
    follow_remaining,
    open_default,
    payments_of,
    record_outside,
)
from sandbox.simulators.stripe.periods import DAY
from sandbox.simulators.stripe.views import who

# Days from one failed attempt to the next; after the last the invoice stays open.
RETRY_DAYS = (3, 5, 7)


def finalize(ctx: Context, invoice: Json, *, use_balance: bool = True) -> Json:
    """Number the draft and open it; collect it if it collects itself. Returns the view.

    From here on the invoice keeps the customer's name, address and tax ids as they are now. Without
    `use_balance` the customer's balance is left alone, unless the invoice itself gives credit.
    """
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    before = ctx.view(invoice)
    customer = living(ctx, invoice["customer"], "customer")
    before_final(invoice, customer)
    retotal(ctx, invoice)
    credit_balance.apply(ctx, invoice)
    retotal(ctx, invoice)
    _note_discounts(ctx, invoice)
    now = ctx.now(customer["id"])
    customer_before = ctx.view(customer)
    if not invoice["number"]:
        invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        customer["next_invoice_sequence"] += 1
    invoice |= who(ctx.store, customer["id"])
    invoice |= {
        "status": "open",
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or now,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/acct_sim/{invoice['id']}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/acct_sim/{invoice['id']}/pdf",
    }
    invoice["status_transitions"]["finalized_at"] = now
    ctx.store.put(invoice)
    if use_balance or invoice["total"] <= 0:
        _settle_balance(ctx, invoice, customer, customer_before)
    else:
        due = dict.fromkeys(("amount_due", "amount_remaining"), invoice["total"])
        invoice |= {**due, "ending_balance": invoice["starting_balance"]}
        ctx.save(customer, customer_before, "customer.updated")
    shown = ctx.save(invoice, before, "invoice.finalized", "invoice.updated")
    use_up(ctx, invoice, None)
    if invoice["amount_due"] == 0:
        return mark_paid(ctx, invoice)
    open_default(ctx, invoice)
    if invoice["auto_advance"] and invoice["collection_method"] == "send_invoice":
        ctx.emit("invoice.sent", shown)
    elif invoice["auto_advance"]:
        return collect(ctx, invoice)
    return shown


def _settle_balance(ctx: Context, invoice: Json, customer: Json, before: Json) -> None:
    """Apply the balance to what is due, credit what is below zero, and carry over a trifle.

    https://docs.stripe.com/invoicing/customer/balance. Sets `ending_balance` and what is due.
    """
    currency = invoice["currency"]
    ending = min(invoice["starting_balance"] + invoice["total"], 0)
    moved = [(ending - invoice["starting_balance"], "applied_to_invoice")]
    due = invoice["amount_due"]
    if 0 < due < least_charge(currency) and billing(ctx)["least_charge"]:
        invoice |= {"amount_due": 0, "amount_remaining": 0}
        ending += due
        moved.append((due, "invoice_too_small"))
    invoice["ending_balance"] = ending
    # What a void gives back: a trifle is paid, and so is never voided.
    invoice["_balance_applied"] = moved[0][0]
    for amount, kind in moved:
        if amount:
            change_by(customer, amount, currency)
            record(ctx, customer, amount, kind, currency, invoice=invoice["id"])
    ctx.save(customer, before, "customer.updated")


def _note_discounts(ctx: Context, invoice: Json) -> None:
    """Let later credits know the discounts of the final lines that they take back."""
    subscription = ctx.store.get(invoice["_subscription"] or "")
    if subscription is None:
        return
    final = {line["id"]: line for line in invoice["lines"] if line["_cuts"] is None}
    for item in subscription["items"]:
        if item["_debit"] and item["_debit"]["line"] in final:
            lines = item["_debit"]["lines"] or [item["_debit"]["line"]]
            item["_debit"]["cuts"] = [
                one for key in lines if key in final for one in final[key]["_reductions"]
            ]
    ctx.store.put(subscription)


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
        shown = finalize(ctx, invoice | {"auto_advance": False})
        if shown["status"] == "paid":
            return shown
        invoice = ctx.store.need("invoice", invoice["id"])
    if invoice["status"] == "paid":
        raise StripeError("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise StripeError(f"A {invoice['status']} invoice cannot be paid.")
    if out_of_band:
        invoice["amount_paid_off_stripe"] += invoice["amount_remaining"]
        record_outside(ctx, invoice, invoice["amount_remaining"])
        return mark_paid(ctx, invoice)
    if ctx.store.need("customer", invoice["customer"]).get("_deleted"):
        raise missing("customer", invoice["customer"], "customer")
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
    invoice |= {"status": "paid", "status_details": None, "next_payment_attempt": None}
    invoice["status_transitions"]["paid_at"] = ctx.now(invoice["customer"])
    shown = ctx.save(
        invoice, before, "invoice.updated", "invoice.paid", "invoice.payment_succeeded"
    )
    pending_updates.paid(ctx, invoice)
    out_of_arrears(ctx, invoice)
    return shown


def close(ctx: Context, invoice: Json, status: str, reason: str = "user_forgiven") -> Json:
    """`void` or `uncollectible` (for a `reason`), from open (void also from uncollectible).

    Amounts stay as they are; a void gives back what the invoice had used of the balance
    (https://docs.stripe.com/changelog/2019-12-03/customer-balances-returned-voided-invoices).
    Stripe's refusals have no code: whoever repeats reads the status.
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
    invoice |= {"status": status, "status_details": None, "next_payment_attempt": None}
    if status == "void":
        invoice["status_transitions"]["voided_at"] = now
        cancel_default(ctx, invoice, "void_invoice")
        shown = ctx.save(invoice, before, "invoice.updated", "invoice.voided")
        _return_balance(ctx, invoice)
        credit_balance.give_back(ctx, invoice)
    else:
        invoice["status_transitions"]["marked_uncollectible_at"] = now
        invoice["status_details"] = {"uncollectible": {"reason": reason}}
        shown = ctx.save(invoice, before, "invoice.updated", "invoice.marked_uncollectible")
    out_of_arrears(ctx, invoice)
    return shown


def _return_balance(ctx: Context, invoice: Json) -> None:
    customer = ctx.store.need("customer", invoice["customer"])
    amount, currency = -invoice.get("_balance_applied", 0), invoice["currency"]
    if amount and not customer.get("_deleted"):
        post(ctx, customer, amount, "unapplied_from_invoice", currency, invoice=invoice["id"])
