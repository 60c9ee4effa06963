"""What an invoice says of itself: whom it names, its notes, where it is shown, since when it is
overdue."""

import pytest

from canonical_models.documents import BilledParty, PostalAddress, TaxId, TaxStatus
from canonical_models.failures import ContractDrift
from tests.unit.stripe.objects import FEB, JAN, MAR, Json, at, document, invoice, share, taken


def test_a_customer_is_named_one_way_or_another() -> None:
    assert document(invoice(customer=None, customer_account="acct_1")).customer_id == "acct_1"
    with pytest.raises(ContractDrift, match="in_1 names no customer"):
        document(invoice(customer=None))


def test_whom_it_names_is_the_customer_as_it_was() -> None:
    found = document(
        invoice(
            customer_name=" Ada GmbH ",
            customer_email="ada@example.com",
            customer_address={"line1": "Allee 1", "city": "Berlin", "country": "DE"},
            customer_tax_exempt="reverse",
            customer_tax_ids=[
                {"type": "eu_vat", "value": "DE123456789"},
                {"type": "eu_vat", "value": None},
            ],
        )
    )
    assert found.bill_to == BilledParty(
        name="Ada GmbH",
        email="ada@example.com",
        address=PostalAddress(lines=("Allee 1",), city="Berlin", country="DE"),
        tax_ids=(TaxId(kind="eu_vat", value="DE123456789"),),
        tax_status=TaxStatus.REVERSE_CHARGE,
    )
    assert document().bill_to == BilledParty()


def test_metadata_of_the_subscription_lies_under_that_of_the_invoice() -> None:
    details = {"subscription": "sub_1", "metadata": {"unit": "north", "kind": "new"}}
    found = document(
        invoice(
            parent={"subscription_details": details},
            metadata={"unit": "south", "trueup_document": "INV-7"},
        )
    )
    assert found.metadata == {"unit": "south", "kind": "new"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("PO", "4711"),
        ("PO number", "4711"),
        ("P.O. no.", "4711"),
        ("Purchase order", "4711"),
        ("purchase-order #", "4711"),
        ("Policy", None),
        ("Portal", None),
    ],
)
def test_the_customers_order_number_is_found_by_its_name(name: str, told: str | None) -> None:
    fields = [{"name": "Project", "value": "X"}, {"name": name, "value": " 4711 "}]
    assert document(invoice(custom_fields=fields)).purchase_order == told


def test_people_find_it_where_stripe_shows_it() -> None:
    assert document(invoice(invoice_pdf="https://pdf")).url == "https://pdf"
    shown = invoice(invoice_pdf="https://pdf", hosted_invoice_url="https://page")
    assert document(shown).url == "https://page"
    assert document(invoice(invoice_pdf="x" * 2001)).url is None


ATTEMPTED: Json = {"attempted": True}
SENT: Json = {"collection_method": "send_invoice", "due_date": FEB}


@pytest.mark.parametrize(
    ("changes", "processing", "as_of", "late"),
    [
        ({}, False, MAR, None),
        (ATTEMPTED, False, MAR, JAN + 3600),
        (ATTEMPTED, True, MAR, None),
        (ATTEMPTED | {"status_transitions": {}}, False, MAR, JAN),
        (SENT, False, FEB - 1, None),
        (SENT, False, FEB, FEB),
        (SENT | {"due_date": None}, False, MAR, None),
        (ATTEMPTED | {"status": "void"}, False, MAR, None),
    ],
)
def test_since_when_it_is_overdue(
    changes: Json, processing: bool, as_of: int, late: int | None
) -> None:
    found = document(invoice(**changes), processing=processing, as_of=at(as_of))
    assert found.overdue_since == (None if late is None else at(late))


def test_its_content_is_what_was_issued_and_not_how_it_is_settled() -> None:
    paid = document(invoice(status="paid", amount_remaining=0), taken(share()))
    assert paid.content == document().content
    assert document(invoice(number="TRUE-0002")).content != paid.content
