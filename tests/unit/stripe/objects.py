"""Stripe's objects as the unit tests need them: plain ones, of which a test changes members."""

from datetime import UTC, datetime
from typing import Any

from canonical_models.documents import BillingDocument
from canonical_models.money import Money
from connectors.stripe.credit_notes import note_document
from connectors.stripe.documents import invoice_document
from connectors.stripe.taxes import Catalogue
from connectors.stripe.whole import Moved, Taken, WholeInvoice, WholeNote
from connectors.stripe.wire import Price, TaxRate
from connectors.stripe.wire_customers import BalanceMovement
from connectors.stripe.wire_documents import CreditNote, Invoice
from connectors.stripe.wire_money import Dispute, InvoicePayment, Refund

Json = dict[str, Any]
JAN, FEB, MAR = 1767225600, 1769904000, 1772323200
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EMPTY: Json = {"data": [], "has_more": False}
PRICING = {"price_details": {"price": "price_pro", "product": "prod_pro"}}
VAT: Json = {
    "id": "txr_19",
    "inclusive": False,
    "percentage": 19.0,
    "country": "DE",
    "tax_type": "vat",
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def catalogue(*rates: Json, prices: tuple[Json, ...] = ()) -> Catalogue:
    return Catalogue(
        {each["id"]: TaxRate.model_validate(each) for each in rates},
        {each["id"]: Price.model_validate(each) for each in prices},
    )


def tax(amount: int, **changes: Any) -> Json:
    plain: Json = {
        "amount": amount,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": "txr_19"},
        "taxability_reason": "standard_rated",
    }
    return plain | changes


def line(key: str = "il_1", subscription: str | None = "sub_1", **changes: Any) -> Json:
    details = {
        "invoice_item": None,
        "proration": False,
        "subscription": subscription,
        "subscription_item": "si_1",
    }
    plain: Json = {
        "id": key,
        "amount": 1000,
        "currency": "eur",
        "description": "1 x Pro",
        "parent": {"subscription_item_details": details, "invoice_item_details": None},
        "period": {"start": JAN, "end": FEB},
        "pricing": PRICING,
        "quantity": 1,
        "taxes": [],
        "discount_amounts": [],
        "pretax_credit_amounts": [],
        "metadata": {},
    }
    return plain | changes


def invoice(*lines: Json, key: str = "in_1", **changes: Any) -> Json:
    """Of 10.00 without tax, open and untouched, unless told otherwise."""
    told = lines or (line(),)
    plain: Json = {
        "id": key,
        "currency": "eur",
        "status": "open",
        "number": "TRUE-0001",
        "created": JAN,
        "due_date": None,
        "status_transitions": {"finalized_at": JAN + 3600},
        "collection_method": "charge_automatically",
        "attempted": False,
        "total": 1000,
        "amount_remaining": 1000,
        "starting_balance": 0,
        "ending_balance": 0,
        "customer": "cus_1",
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}},
        "lines": {"data": list(told), "has_more": False},
    }
    return plain | changes


def share(key: str = "inpay_1", intent: str | None = "pi_1", **changes: Any) -> Json:
    source = {"payment_record": "pr_1"} if intent is None else {"payment_intent": intent}
    plain: Json = {
        "id": key,
        "amount_paid": 1000,
        "created": JAN,
        "currency": "eur",
        "invoice": "in_1",
        "is_default": True,
        "payment": source,
        "status": "paid",
        "status_transitions": {"paid_at": FEB},
    }
    return plain | changes


def refund(key: str = "re_1", status: str | None = "succeeded", amount: int = 190) -> Json:
    return {"id": key, "amount": amount, "created": MAR, "currency": "eur", "status": status}


def dispute(*moved: int, **changes: Any) -> Json:
    transactions = [
        {"amount": amount, "created": FEB + number} for number, amount in enumerate(moved)
    ]
    plain: Json = {
        "id": "dp_1",
        "amount": 1000,
        "created": MAR,
        "currency": "eur",
        "status": "needs_response",
        "balance_transactions": transactions,
    }
    return plain | changes


def balance(amount: int, key: str = "cbtxn_1", **changes: Any) -> Json:
    """A balance transaction of the invoice: negative gives the customer credit."""
    plain: Json = {
        "id": key,
        "amount": amount,
        "type": "applied_to_invoice",
        "created": FEB,
        "currency": "eur",
        "description": None,
        "invoice": "in_1",
        "credit_note": None,
    }
    return plain | changes


def note_line(key: str = "cnli_1", of: str | None = "il_1", **changes: Any) -> Json:
    plain: Json = {
        "id": key,
        "amount": 400,
        "description": "Credit",
        "quantity": None,
        "taxes": [],
        "type": "invoice_line_item" if of else "custom_line_item",
        "invoice_line_item": of,
    }
    return plain | changes


def note(*lines: Json, key: str = "cn_1", of: Json | None = None, **changes: Any) -> Json:
    """Of 4.00, set off against an open invoice, unless told otherwise."""
    told = lines or (note_line(),)
    plain: Json = {
        "id": key,
        "created": FEB,
        "currency": "eur",
        "number": "TRUE-0001-CN-01",
        "invoice": of or "in_1",
        "lines": {"data": list(told), "has_more": False},
        "status": "issued",
        "total": 400,
        "pre_payment_amount": 400,
        "refunds": [],
    }
    return plain | changes


def taken(
    found: Json, *refunds: Json, disputes: tuple[Json, ...] = (), first: bool = True
) -> Taken:
    return Taken(
        InvoicePayment.model_validate(found),
        [Refund.model_validate(each) for each in refunds],
        [Dispute.model_validate(each) for each in disputes],
        first,
    )


def document(
    found: Json | None = None,
    *payments: Taken,
    notes: tuple[Json, ...] = (),
    moved: tuple[Json, ...] | None = (),
    processing: bool = False,
    known: Catalogue | None = None,
    as_of: datetime = NOW,
) -> BillingDocument:
    read = Invoice.model_validate(found or invoice())
    movements = None if moved is None else [BalanceMovement.model_validate(each) for each in moved]
    return invoice_document(
        WholeInvoice(
            read,
            read.lines.data,
            Moved(
                list(payments),
                [CreditNote.model_validate(each) for each in notes],
                movements,
                processing,
            ),
            known or catalogue(VAT),
        ),
        as_of=as_of,
    )


def credited(
    found: Json, of: Json | None = None, known: Catalogue | None = None
) -> BillingDocument:
    read = CreditNote.model_validate(found)
    corrected = Invoice.model_validate(of or invoice())
    return note_document(
        WholeNote(read, read.lines.data, corrected, corrected.lines.data, known or catalogue(VAT))
    )
