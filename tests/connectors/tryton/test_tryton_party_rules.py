"""What of parties needs no Tryton: who is who, tax ids, and words that tell no secrets."""

from typing import Any

import httpx
import orjson
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import PartyMatch
from connectors.http import VendorHttp
from connectors.tryton.client import TrytonClient
from connectors.tryton.parties import Parties
from connectors.tryton.party_records import Address, match, party_values
from connectors.tryton.tax_ids import TAX_ID_TYPES, identifies, on_documents, same_number, type_of

EVERY_TYPE = frozenset(TAX_ID_TYPES.values())


def profile(**changes: object) -> AccountProfile:
    given: dict[str, object] = {
        "customer_id": "cus_1",
        "name": "Müller & Söhne",
        "address": PostalAddress(lines=("Weg 1", "Hof"), city="Ulm", country="DE"),
        "tax_ids": (
            TaxId(kind="eu_vat", value="DE 123.456-788"),
            TaxId(kind="zz_tin", value="9"),
        ),
    }
    return AccountProfile.model_validate(given | changes)


def party(
    code: str,
    name: str,
    *identifiers: tuple[str | None, str],
    country: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "id": 1,
        "code": code,
        "name": name,
        "active": True,
        "identifiers": [{"type": kind, "code": given} for kind, given in identifiers],
        "addresses": [{"country": country and {"code": country}}],
        **more,
    }


@pytest.mark.parametrize(
    ("row", "by", "contradicts"),
    [
        (party("X", "Other", (None, "cus_1"), country="AT"), "external_id", ()),
        (party("cus_1", "Other"), "external_id", ()),
        (party("X", "Other", external_id="cus_1"), "external_id", ()),
        (party("X", "Meier & Söhne", ("eu_vat", "de123456788")), "tax_id", ("name",)),
        (party("X", "🚀", ("eu_vat", "DE123456788")), "tax_id", ("name",)),
        (party("X", "", ("eu_vat", "DE123456788")), "tax_id", ()),
        (party("X", "MULLER, SÖHNE GmbH", ("eu_vat", "DE123456788")), "tax_id", ()),
        (party("X", "Müller", ("eu_vat", "DE123456788"), country="DE"), "tax_id", ()),
        (party("X", "Müller", ("eu_vat", "DE123456788"), country="AT"), "tax_id", ("country",)),
        (party("X", "Other", ("de_vat", "DE123456788")), None, ()),
        (party("X", "Other", (None, "DE123456788")), None, ()),
        (party("X", "Other", (None, "9")), None, ()),
        (party("X", "MÜLLER  & söhne"), "name", ()),
        (party("X", "Müller & Söhne", country="DE"), "name", ()),
        (party("X", "Müller & Söhne", country="AT"), None, ()),
        (party("X", "Müller"), None, ()),
    ],
)
def test_a_party_matches_by_what_is_strongest(
    row: dict[str, Any], by: str | None, contradicts: tuple[str, ...]
) -> None:
    found = match(row, profile())

    assert found == (by and PartyMatch(party=row["code"], by=by, contradicts=contradicts))


@pytest.mark.parametrize(
    ("tax_id", "found"),
    [
        (TaxId(kind="eu_vat", value="DE123456788"), True),
        (TaxId(kind="eu_vat", value="DE123456788", verified=True), True),
        (TaxId(kind="eu_vat", value="DE123456788", verified=False), False),
        (TaxId(kind="eu_vat", value="DE123456788", country="FR"), False),
        (TaxId(kind="eu_vat", value="EL094259216", country="GR"), True),
        (TaxId(kind="eu_vat", value="XI123456789", country="GB"), True),
        (TaxId(kind="us_ein", value="12-3456782", country="us"), True),
        (TaxId(kind="us_ein", value="12-3456782", country="CA"), False),
        (TaxId(kind="zz_tin", value="12"), False),
    ],
)
def test_what_nobody_has_confirmed_identifies_nobody(tax_id: TaxId, *, found: bool) -> None:
    assert identifies(tax_id) is found


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("eu_vat", "de 123.456-788", "DE123456788", True),
        ("gb_vat", "GB980780684", "980 7806 84", True),
        ("ch_vat", "CHE-107.787.577 MWST", "CHE107787577TVA", True),
        ("us_ein", "12-3456782", "123456782", True),
        ("us_ein", "12-3456782", "12-3456783", False),
    ],
)
def test_tax_ids_compare_however_they_are_written(
    kind: str, one: str, other: str, *, same: bool
) -> None:
    assert same_number(kind, one, other) is same


def test_a_type_that_the_erp_has_cut_is_not_used() -> None:
    tax_id = TaxId(kind="ch_uid", value="CHE107787577")

    assert type_of(tax_id, EVERY_TYPE) == "ch_uid"
    assert type_of(tax_id, EVERY_TYPE - {"ch_uid"}) is None
    assert not on_documents("ch_uid")
    assert not on_documents(None)
    assert on_documents("eu_vat")


def test_a_party_is_made_of_a_profile() -> None:
    values = party_values(profile(email="a@example.com"), EVERY_TYPE)

    ((_, identifiers),) = values["identifiers"]
    ((_, (mail,)),) = values["contact_mechanisms"]
    assert [(one["type"], one["code"]) for one in identifiers] == [
        (None, "cus_1"),
        ("eu_vat", "DE 123.456-788"),
        (None, "9"),
    ]
    assert (mail["type"], mail["value"]) == ("email", "a@example.com")


@pytest.mark.parametrize(
    ("wanted", "name", "same"),
    [
        (PostalAddress(lines=("WEG 1", " Hof"), city="ulm", country="de"), "müller", True),
        (PostalAddress(lines=("Weg 1", "Hof"), city="Ulm", country="DE"), None, True),
        (PostalAddress(lines=("Weg 1", "Hof"), city="Ulm", country="DE"), "Meier", False),
        (PostalAddress(lines=("Weg 1",), city="Ulm", country="DE"), None, False),
        (PostalAddress(lines=("Weg 1", "Hof"), city="Ulm", country="AT"), None, False),
    ],
)
def test_an_address_is_one_by_what_it_says(
    wanted: PostalAddress, name: str | None, *, same: bool
) -> None:
    known = Address.model_validate(
        {
            "id": 1,
            "active": 1,
            "create_uid": None,
            "invoice": 0,
            "party_name": None,
            "street": "Weg 1\nHof",
            "postal_code": None,
            "city": "Ulm",
            "country": {"code": "DE"},
        }
    )

    assert known.is_one(wanted, name, "Müller") is same


async def test_a_party_that_the_erp_refuses_is_told_without_its_words() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/rpc/"):
            method = orjson.loads(request.content)["method"]
            result: object = [] if "identifier" in method else {}
            if method == "common.db.login":
                result = [1, "token"]
            return httpx.Response(200, content=orjson.dumps({"id": 1, "result": result}))
        if request.method == "POST":
            said = {"message": "Müller & Söhne, DE123456788, is on the list of debtors"}
            return httpx.Response(400, content=orjson.dumps(said))
        rows = [{"id": 1}] if "company" in request.url.path else []
        return httpx.Response(200, content=orjson.dumps(rows))

    http = VendorHttp("erp", "http://erp", timeout_seconds=5, transport=httpx.MockTransport(answer))
    client = TrytonClient(http, database="erp", api_key="k", login="trueup", password="p")
    with pytest.raises(Rejection) as refused:
        await Parties(client).create(profile(address=PostalAddress()), {})
    await client.close()

    assert refused.value.reason is RejectionCode.ACCOUNT_UNMAPPED
    assert refused.value.subject == "cus_1"
    assert refused.value.__cause__ is None
    assert "Müller" not in refused.value.message
