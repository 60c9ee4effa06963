"""Parties of a real Tryton as billing customers: found by what agrees, and made once."""

import asyncio
import secrets

import httpx
import pytest

from canonical_models.commerce import AccountProfile, PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.ledgering import PartyMatch
from connectors.tryton.adapter import TrytonErp
from runtime.erp.bookkeeping import bookkeeper
from runtime.erp.instance import ErpInstance
from simulators.child import running_child
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import draft, payment, state_and_open

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


def profile(**changes: object) -> AccountProfile:
    """A customer whom the ERP does not know yet."""
    number = secrets.token_hex(6)
    given: dict[str, object] = {
        "customer_id": f"cus_{number}",
        "name": f"Werft {number} AG",
        "email": "books@example.com",
        "address": PostalAddress(
            lines=("Am Kai 1", "Halle 2"), postal_code="20457", city="Hamburg", country="DE"
        ),
    }
    return AccountProfile.model_validate(given | changes)


def vat(value: str) -> tuple[TaxId, ...]:
    return (TaxId(kind="eu_vat", value=value),)


async def test_a_party_is_found_by_the_id_in_billing(books: TrytonErp) -> None:
    found = await books.parties(profile(customer_id="cus_C1001"))

    assert found == (PartyMatch(party="C-1001", by="external_id"),)


@pytest.mark.parametrize("written", ["FR11123456782", "fr 11 123 456 782", "FR11-123.456.782"])
async def test_a_party_is_found_by_its_tax_id_however_written(
    books: TrytonErp, written: str
) -> None:
    found = await books.parties(profile(tax_ids=vat(written)))

    assert found == (PartyMatch(party="C-1002", by="tax_id"),)


@pytest.mark.parametrize(
    ("name", "country", "found"),
    [
        ("donau energie ag", "AT", True),
        ("Donau Energie AG", None, True),
        ("Donau Energie AG", "DE", False),
        ("Donau Energie", "AT", False),
        ("Donau_Energie%", "AT", False),
    ],
)
async def test_a_party_is_found_by_name_and_country(
    books: TrytonErp, name: str, country: str | None, *, found: bool
) -> None:
    matches = await books.parties(profile(name=name, address=PostalAddress(country=country)))

    assert matches == ((PartyMatch(party="C-1005", by="name"),) if found else ())


async def test_all_that_agree_are_told_strongest_first(books: TrytonErp) -> None:
    wanted = profile(
        customer_id="cus_C1005", name="Nordlicht Logistik GmbH", tax_ids=vat("FR11123456782")
    )

    found = await books.parties(wanted)

    assert [(match.party, match.by) for match in found] == [
        ("C-1005", "external_id"),
        ("C-1002", "tax_id"),
        ("C-1001", "name"),
    ]


async def test_a_party_is_told_once_by_what_is_strongest(books: TrytonErp) -> None:
    wanted = profile(
        customer_id="cus_C1001", name="Nordlicht Logistik GmbH", tax_ids=vat("DE123456788")
    )

    assert await books.parties(wanted) == (PartyMatch(party="C-1001", by="external_id"),)


async def test_two_of_one_name_are_both_told(books: TrytonErp) -> None:
    name = profile().name
    made = [await books.create_party(profile(name=name)) for _ in range(2)]

    found = await books.parties(profile(name=name))

    assert {match.party for match in found} == {match.party for match in made}
    assert [match.by for match in found] == ["name", "name"]


async def test_a_blocked_party_says_so(books: TrytonErp, erp: ErpInstance) -> None:
    async with bookkeeper(erp) as keeper:
        await keeper.set_party_active("C-1008", active=False)
        try:
            found = await books.parties(profile(customer_id="cus_C1008"))
            made = await books.create_party(profile(customer_id="cus_C1008"))
        finally:
            await keeper.set_party_active("C-1008", active=True)

    assert found == (PartyMatch(party="C-1008", by="external_id", active=False),)
    assert made == found[0]


async def test_a_party_is_made_once_and_can_be_invoiced(books: TrytonErp) -> None:
    wanted = profile(tax_ids=(*vat("ATU12345675"), TaxId(kind="xx_other", value="4711")))

    first, second = await books.create_party(wanted), await books.create_party(wanted)
    found = await books.parties(wanted)
    document = await books.post(draft(("PRO", 10000), party=first.party))
    (standing,) = await books.standings((document.document_id,), "LE-DE")
    await books.enter(payment(11900, document, party=first.party))

    assert first == second == PartyMatch(party=wanted.customer_id, by="external_id")
    assert found[0] == first
    assert standing.issued_on is not None
    assert standing.due_on is not None
    assert (standing.due_on - standing.issued_on).days == 30
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_party_without_address_or_with_a_strange_country_is_made(
    books: TrytonErp,
) -> None:
    for address in (PostalAddress(), PostalAddress(country="ZZ")):
        made = await books.create_party(profile(address=address, email=None))
        document = await books.post(draft(("PRO", 100), party=made.party))
        assert document.number is not None


async def test_a_customer_mapped_by_hand_is_not_made_again(books: TrytonErp) -> None:
    made = await books.create_party(profile(customer_id="cus_C1003"))

    assert made == PartyMatch(party="C-1003", by="external_id")


@pytest.mark.parametrize("kind", ["eu_vat", "ch_uid", "us_ein"])
async def test_a_wrong_tax_id_is_refused_without_being_repeated(
    books: TrytonErp, kind: str
) -> None:
    wanted = profile(tax_ids=(*vat("ATU12345675"), TaxId(kind=kind, value="DE123456789")))

    with pytest.raises(Rejection) as refused:
        await books.create_party(wanted)

    assert refused.value.reason is RejectionCode.TAX_ID_INVALID
    assert refused.value.subject == wanted.customer_id
    assert "123456789" not in refused.value.message
    assert wanted.customer_id not in [match.party for match in await books.parties(wanted)]


async def test_a_lost_answer_and_two_at_once_make_one_party(erp: ErpInstance) -> None:
    async with running_child("simulators.faultproxy", "--upstream", erp.url) as proxy:
        path = r"/party\.party(\?|$)"
        lost = {"method": "POST", "path_regex": path, "action": "drop_after", "times": 1}
        async with httpx.AsyncClient(base_url=proxy.url) as control:
            (await control.post("/_proxy/faults", json=[lost])).raise_for_status()
        books = TrytonErp.connect(config(erp, proxy.url))
        wanted, other = profile(), profile()
        with pytest.raises(UncertainWrite):
            await books.create_party(wanted)
        again = await books.create_party(wanted)
        both = await asyncio.gather(books.create_party(other), books.create_party(other))
        found = [await books.parties(one) for one in (wanted, other)]
        await books.close()

    assert found == [(again,), (both[0],)]
    assert both[0] == both[1]
