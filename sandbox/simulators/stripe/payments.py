"""The money behind an invoice: its payment intents, charges and invoice payments.

https://docs.stripe.com/api/invoice-payment. Finalizing makes a default invoice payment with a
payment intent, kept at what remains to be paid; each attempt is a charge of that intent. Amounts
are minor units. Nothing here changes the invoice itself but its private `_payments`.
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.money_blanks import DECLINE, blank_charge, blank_intent
from sandbox.simulators.stripe.moves import charged


def payments_of(ctx: Context, invoice: Json) -> list[Json]:
    """All invoice payments of an invoice, the newest first."""
    keys = reversed(invoice.get("_payments", []))
    return [ctx.store.need("invoice_payment", key) for key in keys]


def charges_of(ctx: Context, invoice: Json) -> list[Json]:
    """The charges that succeeded for an invoice, the newest first."""
    found = []
    for payment in payments_of(ctx, invoice):
        if payment["status"] == "paid" and payment["payment"]["type"] == "payment_intent":
            intent = ctx.store.need("payment_intent", payment["payment"]["payment_intent"])
            found.append(ctx.store.need("charge", intent["latest_charge"]))
    return found


def on_charge(ctx: Context, kind: str, charge: Json) -> list[Json]:
    """The refunds or disputes (`kind`) of a charge, the newest first."""
    found = ctx.store.find(kind, customer=charge["customer"])
    return [obj for obj in found if obj["charge"] == charge["id"]]


def open_default(ctx: Context, invoice: Json) -> Json:
    """The open default payment of an invoice, made when there is none, for what remains."""
    waiting = _waiting(ctx, invoice)
    return waiting or _intend(ctx, invoice, invoice["amount_remaining"], is_default=True)


def _waiting(ctx: Context, invoice: Json) -> Json | None:
    found = (p for p in payments_of(ctx, invoice) if p["is_default"] and p["status"] == "open")
    return next(found, None)


def _intend(ctx: Context, invoice: Json, amount: int, *, is_default: bool) -> Json:
    intent = blank_intent(invoice, amount, ctx.now(invoice["customer"]))
    ctx.create(intent, "payment_intent.created")
    source = {"payment_intent": intent["id"], "type": "payment_intent"}
    return _link(ctx, invoice, amount, source, is_default=is_default)


def _link(ctx: Context, invoice: Json, amount: int, source: Json, *, is_default: bool) -> Json:
    """A stored, open invoice payment of an invoice by `source`."""
    payment: Json = {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": ctx.now(invoice["customer"]),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": is_default,
        "livemode": False,
        "payment": source,
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
        "_customer": invoice["customer"],
    }
    ctx.store.put(payment)
    invoice["_payments"] = [*invoice.get("_payments", []), payment["id"]]
    # The caller's invoice may hold changes whose event is still to come: they are not stored here.
    stored = ctx.store.need("invoice", invoice["id"])
    ctx.store.put(stored | {"_payments": invoice["_payments"]})
    return payment


def charge_default(ctx: Context, invoice: Json) -> None:
    """Take what remains of the invoice from the customer's card."""
    _take(ctx, open_default(ctx, invoice))


def charge_part(ctx: Context, invoice: Json, amount: int) -> None:
    """Take a part of what remains, by an intent of its own; the default payment is left alone."""
    _take(ctx, _intend(ctx, invoice, amount, is_default=False))


def _take(ctx: Context, payment: Json) -> None:
    intent = ctx.store.need("payment_intent", payment["payment"]["payment_intent"])
    charge = _attempt(ctx, intent, paid=True)
    before = ctx.view(intent)
    intent |= {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "status": "succeeded",
    }
    ctx.save(intent, before, "payment_intent.succeeded")
    _settle(ctx, payment)


def _settle(ctx: Context, payment: Json) -> None:
    before = ctx.view(payment)
    payment |= {"amount_paid": payment["amount_requested"], "status": "paid"}
    payment["status_transitions"]["paid_at"] = ctx.now(payment["_customer"])
    ctx.save(payment, before, "invoice_payment.paid")


def _attempt(ctx: Context, intent: Json, *, paid: bool) -> Json:
    customer = ctx.store.need("customer", intent["customer"])
    charge = blank_charge(intent, customer, ctx.now(customer["id"]), paid=paid)
    if paid:
        charge["balance_transaction"] = charged(ctx, charge)["id"]
    ctx.create(charge, "charge.succeeded" if paid else "charge.failed")
    return charge


def decline_default(ctx: Context, invoice: Json) -> None:
    """An attempt that the bank refuses; the default payment stays open for the next."""
    payment = open_default(ctx, invoice)
    intent = ctx.store.need("payment_intent", payment["payment"]["payment_intent"])
    charge = _attempt(ctx, intent, paid=False)
    before = ctx.view(intent)
    intent["latest_charge"] = charge["id"]
    intent["last_payment_error"] = {**DECLINE, "charge": charge["id"]}
    ctx.save(intent, before, "payment_intent.payment_failed")


def follow_remaining(ctx: Context, invoice: Json) -> None:
    """Keep the default payment at what remains to be paid; cancel it when nothing does."""
    if invoice["amount_remaining"] == 0:
        cancel_default(ctx, invoice, "automatic")
    elif payment := _waiting(ctx, invoice):
        intent = ctx.store.need("payment_intent", payment["payment"]["payment_intent"])
        payment["amount_requested"] = intent["amount"] = invoice["amount_remaining"]
        ctx.store.put(intent)
        ctx.store.put(payment)


def cancel_default(ctx: Context, invoice: Json, reason: str) -> None:
    """Ask for no more money by the default payment, if it is still open."""
    payment = _waiting(ctx, invoice)
    if payment is None:
        return
    now = ctx.now(payment["_customer"])
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = now
    ctx.store.put(payment)
    intent = ctx.store.need("payment_intent", payment["payment"]["payment_intent"])
    before = ctx.view(intent)
    intent |= {"status": "canceled", "canceled_at": now, "cancellation_reason": reason}
    ctx.save(intent, before, "payment_intent.canceled")


def record_outside(ctx: Context, invoice: Json, amount: int) -> None:
    """Money that came outside of Stripe: a payment record, and no charge."""
    now, currency = ctx.now(invoice["customer"]), invoice["currency"]
    received, nothing = {"currency": currency, "value": amount}, {"currency": currency, "value": 0}
    record: Json = {
        "id": new_id("pr"),
        "object": "payment_record",
        "amount": received,
        "amount_authorized": nothing,
        "amount_canceled": nothing,
        "amount_failed": nothing,
        "amount_guaranteed": received,
        "amount_refunded": nothing,
        "amount_requested": received,
        "application": None,
        "created": now,
        "customer_details": {"customer": invoice["customer"]},
        "customer_presence": None,
        "description": None,
        "latest_payment_attempt_record": None,
        "livemode": False,
        "metadata": {},
        "payment_method_details": None,
        "processor_details": {"custom": {"payment_reference": invoice["number"]}, "type": "custom"},
        "reported_by": "self",
        "shipping_details": None,
        "_customer": invoice["customer"],
    }
    ctx.store.put(record)
    source = {"payment_record": record["id"], "type": "payment_record"}
    _settle(ctx, _link(ctx, invoice, amount, source, is_default=False))
