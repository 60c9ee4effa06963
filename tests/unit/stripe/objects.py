"""Stripe's invoices, payments and charges as the unit tests need them."""

from datetime import UTC, datetime
from typing import Any

from canonical_models.money import Money
from connectors.stripe import wire_invoices
from connectors.stripe.payments import Billed, Charged

Json = dict[str, Any]
JAN, FEB, MAR = 1767225600, 1769904000, 1772323200
EMPTY: Json = {"data": [], "has_more": False}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def share(key: str = "inpay_1", intent: str | None = "pi_1", **changes: Any) -> Json:
    plain = {
        "id": key,
        "amount_paid": 1190,
        "created": JAN,
        "currency": "eur",
        "payment": {"type": "payment_intent", "payment_intent": intent},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": FEB},
    }
    return plain | changes


def billed(*shares: Json, key: str = "in_1", **changes: Any) -> Billed:
    plain = {
        "id": key,
        "currency": "eur",
        "status": "open",
        "number": "TRUE-0001",
        "total": 1190,
        "amount_paid": 0,
        "attempted": False,
        "collection_method": "charge_automatically",
        "created": JAN,
        "due_date": None,
        "status_transitions": {"finalized_at": JAN + 3600},
        "lines": EMPTY,
    }
    found = wire_invoices.Invoice.model_validate(plain | changes)
    read = [wire_invoices.InvoicePayment.model_validate(each) for each in shares]
    return Billed(found, [], read)


def charged(*refunds: Json, disputes: tuple[Json, ...] = (), **changes: Any) -> Charged:
    plain = {
        "id": "ch_1",
        "amount": 1190,
        "status": "succeeded",
        "payment_intent": "pi_1",
        "disputed": False,
    }
    return Charged(
        wire_invoices.Charge.model_validate(plain | changes),
        [wire_invoices.Refund.model_validate(each) for each in refunds],
        [wire_invoices.Dispute.model_validate(each) for each in disputes],
    )


def refund(key: str = "re_1", status: str | None = "succeeded", amount: int = 190) -> Json:
    return {"id": key, "amount": amount, "created": MAR, "currency": "eur", "status": status}


def dispute(*moved: int, **changes: Any) -> Json:
    transactions = [
        {"amount": amount, "created": FEB + number} for number, amount in enumerate(moved)
    ]
    plain = {
        "id": "dp_1",
        "amount": 1000,
        "created": JAN,
        "currency": "eur",
        "status": "needs_response",
        "balance_transactions": transactions,
    }
    return plain | changes
