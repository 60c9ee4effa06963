"""Stripe's own examples of the objects that we read fit what we read of them."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from connectors.stripe import wire, wire_customers, wire_documents, wire_money
from connectors.stripe.wire import Wire

FIXTURES = Path(os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts")) / "stripe-fixtures3.json"
#: By the example's name. Left out are those that Stripe fills with words in place of values:
#: invoice payments, and subscriptions of a version whose items had no periods.
READ: dict[str, type[Wire]] = {
    "charge": wire_money.OfPayment,
    "credit_note": wire_documents.CreditNote,
    "credit_note_line_item": wire_documents.CreditNoteLine,
    "customer": wire_customers.Holder,
    "customer_balance_transaction": wire_customers.BalanceMovement,
    "deleted_customer": wire_customers.Holder,
    "dispute": wire_money.Dispute,
    "invoice": wire_documents.Invoice,
    "invoiceitem": wire_documents.InvoiceItem,
    "line_item": wire_documents.InvoiceLine,
    "payment_intent": wire_money.PaymentIntent,
    "price": wire.Price,
    "refund": wire_money.Refund,
    "tax_id": wire_customers.TaxId,
    "tax_rate": wire.TaxRate,
    "test_helpers.test_clock": wire.TestClock,
}


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    if not FIXTURES.is_file():
        pytest.skip(f"{FIXTURES.name} is not in {FIXTURES.parent}: set TRUEUP_CONTRACTS")
    found: dict[str, Any] = orjson.loads(FIXTURES.read_bytes())["resources"]
    return found


@pytest.mark.parametrize("name", READ)
def test_an_example_is_read(examples: dict[str, Any], name: str) -> None:
    read = TypeAdapter(READ[name]).validate_python(examples[name])
    assert read.model_dump()["id"] == examples[name]["id"]
