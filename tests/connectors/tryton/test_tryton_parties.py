"""Parties of a real Tryton as billing customers: found by what agrees, made once, and kept."""

import asyncio
import secrets
from typing import Any

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty, PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.ledgering import PartyMatch
from sandbox.erp.bookkeeping import Bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.accounts import Desk, desk, desk_of, keeper

__all__ = ["desk", "keeper"]

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

HAMBURG = PostalAddress(
    lines=("Am Kai 1", "Halle 2"), postal_code="20457", city="Hamburg", country="DE"
)
WIEN = PostalAddress(lines=("Ring 99",), postal_code="1010", city="Wien", country="AT")
RULES = {"LE-DE": "EU reverse charge", "LE-US": "US exempt"}


def profile(**changes: object) -> AccountProfile:
    """A customer whom the ERP does not know yet."""
    number = secrets.token_hex(6)
    given: dict[str, object] = {
        "customer_id": f"cus_{number}",
        "name": f"Werft {number} AG",
        "email": "books@example.com",
        "address": HAMBURG,
    }
    return AccountProfile.model_validate(given | changes)


def vat(value: str, *, verified: bool | None = True) -> tuple[TaxId, ...]:
    return (TaxId(kind="eu_vat", value=value, country=value[:2].upper(), verified=verified),)


async def records(desk: Desk, party: str, model: str, *fields: str) -> list[tuple[Any, ...]]:
    """The party's records, deactivated ones too, oldest first."""
    rows = await desk.client.search(
        f"party.{model}",
        [["party.code", "=", party], ["active", "in", [True, False]]],
        fields,
        what=model,
    )
    return [tuple(row[field] for field in fields) for row in rows]


async def tax_rules(desk: Desk, party: str) -> dict[str, str | None]:
    """The names of the party's tax rules by legal entity."""
    found: dict[str, str | None] = {}
    for code, facts in desk.erp.companies.items():
        (row,) = await desk.client.search(
            "party.party",
            [["code", "=", party]],
            ("customer_tax_rule.name",),
            what="tax rules",
            company=facts.id,
        )
        found[code] = row["customer_tax_rule"] and row["customer_tax_rule"]["name"]
    return found


@pytest.mark.slow
async def test_a_party_is_found_by_the_id_in_billing(desk: Desk) -> None:
    found = await desk.parties.matches(profile(customer_id="cus_C1001"))

    assert found == (PartyMatch(party="C-1001", by="external_id"),)


@pytest.mark.slow
@pytest.mark.parametrize("written", ["FR11123456782", "fr 11 123 456 782", "FR11-123.456.782"])
async def test_a_party_is_found_by_its_tax_id_however_written(desk: Desk, written: str) -> None:
    wanted = profile(
        name="Atelier Lumiere", address=PostalAddress(country="FR"), tax_ids=vat(written)
    )

    assert await desk.parties.matches(wanted) == (PartyMatch(party="C-1002", by="tax_id"),)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "country", "contradicts"),
    [
        ("Atelier Lumière SARL", None, ()),
        ("Somebody Else", "FR", ("name",)),
        ("Atelier Lumière SARL", "BE", ("country",)),
        ("Somebody Else", "BE", ("name", "country")),
    ],
)
async def test_a_tax_id_of_another_name_or_country_is_asked(
    desk: Desk, name: str, country: str | None, contradicts: tuple[str, ...]
) -> None:
    """The same number, typed by somebody else."""
    wanted = profile(
        name=name, address=PostalAddress(country=country), tax_ids=vat("FR11123456782")
    )

    assert await desk.parties.matches(wanted) == (
        PartyMatch(party="C-1002", by="tax_id", contradicts=contradicts),
    )


@pytest.mark.slow
async def test_a_number_that_nobody_has_confirmed_identifies_nobody(desk: Desk) -> None:
    pending = profile(tax_ids=vat("FR11123456782", verified=False))
    elsewhere = profile(tax_ids=(TaxId(kind="eu_vat", value="FR11123456782", country="DE"),))

    assert await desk.parties.matches(pending) == ()
    assert await desk.parties.matches(elsewhere) == ()


@pytest.mark.slow
async def test_the_same_digits_of_another_register_identify_nobody(desk: Desk) -> None:
    """ca_bn 123456782 against us_ein 12-3456782."""
    american = profile(tax_ids=(TaxId(kind="us_ein", value="12-3456782"),))
    await desk.parties.create(american, {})
    canadian = profile(tax_ids=(TaxId(kind="ca_bn", value="123456782"),))
    again = profile(name=american.name, tax_ids=(TaxId(kind="us_ein", value="123456782"),))

    assert await desk.parties.matches(canadian) == ()
    assert await desk.parties.matches(again) == (
        PartyMatch(party=american.customer_id, by="tax_id"),
    )


@pytest.mark.slow
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
    desk: Desk, name: str, country: str | None, *, found: bool
) -> None:
    matches = await desk.parties.matches(profile(name=name, address=PostalAddress(country=country)))

    assert matches == ((PartyMatch(party="C-1005", by="name"),) if found else ())


async def test_all_that_agree_are_told_once_and_strongest_first(desk: Desk) -> None:
    wanted = profile(
        customer_id="cus_C1005", name="Nordlicht Logistik GmbH", tax_ids=vat("FR11123456782")
    )

    found = await desk.parties.matches(wanted)

    assert [(match.party, match.by) for match in found] == [
        ("C-1005", "external_id"),
        ("C-1002", "tax_id"),
        ("C-1001", "name"),
    ]


@pytest.mark.slow
async def test_a_blocked_party_says_so_and_is_left_as_it_is(desk: Desk, keeper: Bookkeeper) -> None:
    told = profile(customer_id="cus_C1008", name="Alpenblick Software AG", address=WIEN)
    await keeper.set_party_active("C-1008", active=False)
    try:
        found = await desk.parties.matches(told)
        made = await desk.parties.create(told, {})
        with pytest.raises(Rejection) as refused:
            await desk.parties.update("C-1008", told, {"LE-DE": "EU reverse charge"})
    finally:
        await keeper.set_party_active("C-1008", active=True)

    assert refused.value.reason is RejectionCode.CUSTOMER_BLOCKED
    assert [city for (city,) in await records(desk, "C-1008", "address", "city")] == ["Zürich"]
    assert found == (PartyMatch(party="C-1008", by="external_id", active=False),)
    assert made == found[0]


async def test_a_party_is_made_once_with_the_tax_rule_of_each_entity(desk: Desk) -> None:
    """A party that we make is taxed as the policy says, in every legal entity."""
    wanted = profile(tax_ids=(*vat("ATU12345675"), TaxId(kind="xx_other", value="4711")))

    first = await desk.parties.create(wanted, RULES)
    second = await desk.parties.create(wanted, RULES)

    assert first == second == PartyMatch(party=wanted.customer_id, by="external_id")
    assert (await desk.parties.matches(wanted))[0] == first
    assert await tax_rules(desk, first.party) == RULES
    assert await records(desk, first.party, "identifier", "type", "code") == [
        (None, wanted.customer_id),
        ("eu_vat", "ATU12345675"),
        (None, "4711"),
    ]
    assert await records(desk, first.party, "address", "street", "city", "invoice") == [
        ("Am Kai 1\nHalle 2", "Hamburg", 1)
    ]


async def test_a_rule_that_is_not_there_is_told_before_anything_is_made(desk: Desk) -> None:
    wanted = profile()

    with pytest.raises(Rejection, match="no tax rule Consumers") as refused:
        await desk.parties.create(wanted, {"LE-DE": "Consumers"})

    assert (refused.value.reason, refused.value.subject) == (
        RejectionCode.TAX_UNDETERMINED,
        "Consumers",
    )
    assert await desk.parties.matches(wanted) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"address": PostalAddress(), "email": None},
        {"address": PostalAddress(country="ZZ")},
        {"name": "א" * 250},
        {"name": "مؤسسة الخليج 🚀", "address": PostalAddress(lines=("شارع البحر",), country="KW")},
    ],
)
async def test_a_party_of_any_kind_is_made_and_kept(desk: Desk, changes: dict[str, Any]) -> None:
    wanted = profile(**changes)

    made = await desk.parties.create(wanted, {})
    await desk.parties.update(made.party, wanted, {})
    document = await desk.document(100, party=made.party)

    assert document.party == wanted.customer_id
    assert len(await records(desk, made.party, "address", "id")) == 1


@pytest.mark.slow
async def test_a_customer_mapped_by_hand_is_not_made_again(desk: Desk) -> None:
    before = await tax_rules(desk, "C-1003")

    made = await desk.parties.create(profile(customer_id="cus_C1003"), RULES)

    assert made == PartyMatch(party="C-1003", by="external_id")
    assert await tax_rules(desk, "C-1003") == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["eu_vat", "ch_uid", "us_ein"])
async def test_a_wrong_tax_id_is_refused_without_being_repeated(desk: Desk, kind: str) -> None:
    wrong = TaxId(kind=kind, value="DE123456789")
    wanted = profile(tax_ids=(*vat("ATU12345675"), wrong))
    known = profile()
    await desk.parties.create(known, {})

    with pytest.raises(Rejection) as refused:
        await desk.parties.create(wanted, {})
    with pytest.raises(Rejection) as again:
        await desk.parties.update(
            known.customer_id, known.model_copy(update={"tax_ids": (wrong,)}), {}
        )

    for failure in (refused.value, again.value):
        assert failure.reason is RejectionCode.TAX_ID_INVALID
        assert kind in failure.message
        assert "123456789" not in failure.message
        assert failure.__cause__ is None
    assert wanted.customer_id not in [match.party for match in await desk.parties.matches(wanted)]


async def test_what_changes_in_billing_reaches_the_party_and_not_its_documents(
    desk: Desk,
) -> None:
    """A new name, address and tax id; posted documents keep theirs."""
    old = profile(tax_ids=vat("ATU12345675"))
    party = (await desk.parties.create(old, {"LE-DE": RULES["LE-DE"]})).party
    document = await desk.document(100, party=party)
    new = old.model_copy(
        update={
            "name": f"{old.name} & Co",
            "address": WIEN,
            "email": "new@example.com",
            "tax_ids": vat("DE123456788"),
        }
    )

    for _ in range(2):
        await desk.parties.update(party, new, {"LE-DE": "Domestic", "LE-US": "US exempt"})
    (shown,) = await desk.client.search(
        "account.invoice",
        [["id", "=", int(document.id)]],
        (
            "invoice_address.party_name",
            "invoice_address.city",
            "party.name",
            "party.tax_identifier.code",
            "party_tax_identifier.code",
        ),
        what="the document",
    )

    assert await tax_rules(desk, party) == {"LE-DE": "Domestic", "LE-US": "US exempt"}
    assert await records(desk, party, "address", "party_name", "city", "active", "invoice") == [
        (old.name, "Hamburg", 0, 1),
        (new.name, "Wien", 1, 1),
    ]
    assert await records(desk, party, "identifier", "code", "active") == [
        (old.customer_id, 1),
        ("ATU12345675", 0),
        ("DE123456788", 1),
    ]
    assert await records(desk, party, "contact_mechanism", "value", "active") == [
        ("books@example.com", 0),
        ("new@example.com", 1),
    ]
    assert (shown["party"]["name"], shown["party"]["tax_identifier"]["code"]) == (
        new.name,
        "DE123456788",
    )
    assert shown["invoice_address"]["party_name"] == old.name
    assert shown["invoice_address"]["city"] == "Hamburg"
    assert shown["party_tax_identifier"]["code"] == "ATU12345675"


@pytest.mark.slow
async def test_what_comes_back_is_activated_again(desk: Desk) -> None:
    old = profile(tax_ids=vat("ATU12345675"))
    party = (await desk.parties.create(old, {})).party
    moved = old.model_copy(update={"address": WIEN, "tax_ids": ()})

    await desk.parties.update(party, moved, {})
    await desk.parties.update(party, old, {})

    assert await records(desk, party, "address", "city", "active") == [
        ("Hamburg", 1),
        ("Wien", 0),
    ]
    assert await records(desk, party, "identifier", "code", "active") == [
        (old.customer_id, 1),
        ("ATU12345675", 1),
    ]


@pytest.mark.slow
async def test_what_people_have_made_stays_untouched(desk: Desk, erp: ErpInstance) -> None:
    before = [
        await records(desk, "C-1004", model, *fields)
        for model, *fields in (("address", "id", "active"), ("identifier", "id", "active"))
    ]
    told = profile(
        customer_id="cus_C1004",
        name="Cascade Health Inc.",
        email=None,
        address=PostalAddress(lines=("1 Elm St",), postal_code="97205", city="Portland"),
        tax_ids=(TaxId(kind="us_ein", value="12-3456789"),),
    )

    await desk.parties.update("C-1004", told, {})
    await desk.parties.update("C-1004", told.model_copy(update={"tax_ids": ()}), {})

    addresses = await records(desk, "C-1004", "address", "id", "active")
    identifiers = await records(desk, "C-1004", "identifier", "id", "active")
    assert [addresses[:1], identifiers[:1]] == before
    assert [active for _, active in addresses] == [1, 1]
    assert [active for _, active in identifiers] == [1, 0]


async def test_a_document_names_what_is_there_and_adds_what_is_not(desk: Desk) -> None:
    told = profile(tax_ids=vat("ATU12345675"))
    party = (await desk.parties.create(told, {})).party
    record = await desk.master.account_of(party, await desk.company())
    company = await desk.company()
    name = desk.parties.document_party

    same = BilledParty(name=told.name, address=told.address, tax_ids=told.tax_ids)
    other = BilledParty(name="Former Name", address=WIEN, tax_ids=vat("DE123456788"))
    plain = BilledParty(name=told.name, tax_ids=(TaxId(kind="br_cpf", value="390.533.447-05"),))
    own = await name(record.id, None, company)
    found = [await name(record.id, one, company) for one in (same, other, other, plain)]

    addresses = await records(desk, party, "address", "id", "party_name", "city", "active")
    identifiers = await records(desk, party, "identifier", "id", "code", "active")
    assert found[0] == own == (addresses[0][0], identifiers[1][0])
    assert found[1] == found[2] == (addresses[1][0], identifiers[2][0])
    assert found[3] == (addresses[0][0], None)
    assert addresses[1][1:] == ("Former Name", "Wien", 0)
    assert identifiers[2][1:] == ("DE123456788", 0)


@pytest.mark.slow
async def test_people_s_own_address_is_what_a_document_names(desk: Desk) -> None:
    facts = desk.erp.facts.parties["C-1001"]
    billed = BilledParty(
        name="NORDLICHT Logistik GmbH",
        address=PostalAddress(
            lines=("speicherstr.  5",), postal_code="20457", city="Hamburg", country="de"
        ),
    )

    found = await desk.parties.document_party(facts.id, billed, await desk.company())

    assert found == (facts.address, None)


@pytest.mark.slow
@pytest.mark.parametrize("module", [False, True])
async def test_a_lost_answer_and_two_at_once_make_one_party(
    erp: ErpInstance, erp_with_module: ErpInstance, *, module: bool
) -> None:
    path = r"/party\.party(\?|$)"
    lost = {"method": "POST", "path_regex": path, "action": "drop_after", "times": 1}
    async with desk_of(erp_with_module if module else erp, lost) as desk:
        wanted, other = profile(), profile()
        with pytest.raises(UncertainWrite):
            await desk.parties.create(wanted, RULES)
        again = await desk.parties.create(wanted, RULES)
        both = await asyncio.gather(*(desk.parties.create(other, RULES) for _ in range(2)))
        found = [await desk.parties.matches(one) for one in (wanted, other)]
        rules = [await tax_rules(desk, one.customer_id) for one in (wanted, other)]

    assert found == [(again,), (both[0],)]
    assert both[0] == both[1]
    assert rules == [RULES, RULES]


@pytest.mark.slow
async def test_two_who_keep_a_party_at_once_leave_one_of_each(desk: Desk) -> None:
    old = profile()
    party = (await desk.parties.create(old, {})).party
    new = old.model_copy(update={"address": WIEN, "tax_ids": vat("ATU12345675")})

    await asyncio.gather(*(desk.parties.update(party, new, {}) for _ in range(3)))

    addresses = await records(desk, party, "address", "city", "active")
    identifiers = await records(desk, party, "identifier", "code", "active")
    assert [city for city, active in addresses if active] == ["Wien"]
    assert [code for code, active in identifiers if active] == [old.customer_id, "ATU12345675"]


@pytest.mark.slow
async def test_a_party_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(Rejection) as refused:
        await desk.parties.update("C-9999", profile(), {})

    assert refused.value.reason is RejectionCode.PARTY_UNKNOWN
