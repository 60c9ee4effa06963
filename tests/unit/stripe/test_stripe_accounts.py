"""A customer as an account: its name, where it is, and what it is registered under."""

from typing import Any

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId, TaxStatus
from canonical_models.failures import Rejection, RejectionCode
from connectors.stripe import wire_customers as wire
from connectors.stripe.accounts import profile_of

Json = dict[str, Any]


def profile(*tax_ids: Json, **changes: Any) -> AccountProfile:
    plain = {"id": "cus_1", "name": "Ada GmbH", "email": "ada@example.com", "currency": "eur"}
    return profile_of(
        wire.Holder.model_validate(plain | changes),
        [wire.TaxId.model_validate(found) for found in tax_ids],
    )


def test_a_customer() -> None:
    address = {
        "line1": "Allee 1",
        "line2": "",
        "postal_code": "10115",
        "city": " Berlin ",
        "state": None,
        "country": "DE",
    }
    vat = {"id": "txi_1", "type": "eu_vat", "value": "DE123456789"}
    assert profile(vat, address=address) == AccountProfile(
        customer_id="cus_1",
        name="Ada GmbH",
        email="ada@example.com",
        currency="EUR",
        address=PostalAddress(lines=("Allee 1",), postal_code="10115", city="Berlin", country="DE"),
        tax_ids=(TaxId(kind="eu_vat", value="DE123456789"),),
    )


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"business_name": "Ada Holding"}, "Ada GmbH"),
        ({"name": None, "business_name": "Ada Holding"}, "Ada Holding"),
        ({"name": " ", "business_name": ""}, "ada@example.com"),
        ({"name": "x" * 300}, "x" * 255),
    ],
)
def test_what_a_customer_is_called(changes: Json, name: str) -> None:
    assert profile(**changes).name == name


@pytest.mark.parametrize(
    ("changes", "words", "reason"),
    [
        ({"name": None, "email": None}, "give it a name", RejectionCode.BILLING_REFUSED),
        ({"deleted": True}, "was deleted", RejectionCode.ACCOUNT_UNMAPPED),
    ],
)
def test_a_customer_without_a_name_is_refused(
    changes: Json, words: str, reason: RejectionCode
) -> None:
    with pytest.raises(Rejection, match=rf"cus_1 .*{words}") as caught:
        profile(**changes)
    assert (caught.value.reason, caught.value.subject) == (reason, "cus_1")


@pytest.mark.parametrize(
    ("verification", "verified"),
    [
        ({"status": "verified"}, True),
        ({"status": "unverified"}, False),
        ({"status": "pending"}, None),
        ({"status": "unavailable"}, None),
        ({"status": None}, None),
        (None, None),
    ],
)
def test_what_the_check_of_a_tax_id_found(verification: Json | None, verified: bool | None) -> None:
    vat = {"id": "txi_1", "type": "eu_vat", "value": "DE1", "verification": verification}
    (found,) = profile(vat | {"country": "DE"}).tax_ids
    assert (found.verified, found.country) == (verified, "DE")


@pytest.mark.parametrize(
    ("told", "tax_status"),
    [
        ("none", TaxStatus.TAXED),
        (None, TaxStatus.TAXED),
        ("exempt", TaxStatus.EXEMPT),
        ("reverse", TaxStatus.REVERSE_CHARGE),
    ],
)
def test_how_a_customer_is_taxed(told: str | None, tax_status: TaxStatus) -> None:
    assert profile(tax_exempt=told).tax_status is tax_status


def test_what_people_note_on_a_customer() -> None:
    assert profile(metadata={"unit": "north"}).metadata == {"unit": "north"}
    assert profile(metadata=None).metadata == {}


def test_what_people_typed_is_no_country() -> None:
    assert profile(address={"country": "Germany"}).address == PostalAddress()
    assert profile(address=None, currency=None).currency is None


def test_an_address_of_mail_that_is_too_long_is_left_out() -> None:
    assert profile(email="x" * 321).email is None
