"""What of the Tryton connector needs no Tryton: allocation, mappings, and words for people."""

from datetime import date
from decimal import Decimal

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from canonical_models.commerce import AccountProfile, PostalAddress, TaxId
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.ledgering import DocumentState, PartyMatch
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp, TrytonOptions
from connectors.tryton.allocation import Claim, allocate
from connectors.tryton.entries import Move
from connectors.tryton.mapping import Company, decimal, parsed
from connectors.tryton.parties import compact, match, party_values
from connectors.tryton.standings import standing

EUR = Company.model_validate({"id": 1, "currency": {"code": "EUR"}})


@pytest.mark.parametrize(
    ("amount", "claims", "shares", "rest"),
    [
        # Money in: in order, in part, too much, of nothing that is open.
        (150, {"a": (100, 100), "b": (100, 100)}, {"a": 100, "b": 50}, 0),
        (150, {"a": (100, 100)}, {"a": 100}, 50),
        (150, {"a": (100, 0)}, {}, 150),
        # A credit memo pays what money does not reach, and no more.
        (140, {"a": (100, 100), "b": (60, 60), "c": (-20, -20)}, {"a": 100, "b": 60, "c": -20}, 0),
        (100, {"a": (100, 100), "c": (-20, -20)}, {"a": 100}, 0),
        (10, {"c": (-150, -150), "a": (100, 100)}, {"a": 100, "c": -90}, 0),
        (0, {"a": (20, 20), "c": (-20, -20)}, {"a": 20, "c": -20}, 0),
        (50, {"c": (-20, -20)}, {}, 50),
        # Money out: credit memos first, then what was settled opens again, then the account.
        (-20, {"c": (-20, -20)}, {"c": -20}, 0),
        (-50, {"a": (119, 0)}, {"a": -50}, 0),
        (-50, {"a": (119, 0), "c": (-20, -20)}, {"c": -20, "a": -30}, 0),
        (-150, {"a": (119, 19), "b": (40, 0)}, {"a": -100, "b": -40}, -10),
        (-50, {"a": (119, 119)}, {}, -50),
    ],
)
def test_movements_are_allocated_in_order(
    amount: int, claims: dict[str, tuple[int, int]], shares: dict[str, int], rest: int
) -> None:
    found = allocate(amount, [Claim(key, total, left) for key, (total, left) in claims.items()])

    assert {share.key: share.amount for share in found.shares} == shares
    assert found.rest == rest


@given(
    amount=st.integers(-(10**6), 10**6),
    documents=st.lists(
        st.tuples(st.integers(-(10**5), 10**5), st.fractions(0, 1)).map(
            lambda given: (given[0], int(given[0] * given[1]))
        ),
        max_size=6,
    ),
)
def test_nothing_is_lost_and_nothing_overdone(
    amount: int, documents: list[tuple[int, int]]
) -> None:
    claims = [Claim(str(n), total, left) for n, (total, left) in enumerate(documents)]

    found = allocate(amount, claims)

    assert sum(share.amount for share in found.shares) + found.rest == amount
    after = {claim.key: claim.open for claim in claims}
    for share in found.shares:
        after[share.key] -= share.amount
    for claim in claims:
        assert min(0, claim.total) <= after[claim.key] <= max(0, claim.total)


def _due(day: int | None, reconciliation: int | None) -> dict[str, object]:
    on = day and {"__class__": "date", "year": 2026, "month": 3, "day": day}
    return {"maturity_date": on, "reconciliation": reconciliation}


def invoice(*lines: dict[str, object], state: str = "posted") -> dict[str, object]:
    return {
        "id": 7,
        "number": "DE-7",
        "state": state,
        "invoice_date": {"__class__": "date", "year": 2026, "month": 2, "day": 1},
        "currency": {"code": "JPY"},
        "total_amount": decimal(Decimal(1190)),
        "amount_to_pay": decimal(Decimal(500)),
        "lines_to_pay": list(lines),
    }


@pytest.mark.parametrize(
    ("lines", "due"),
    [
        ([_due(9, None), _due(4, None), _due(1, 8)], date(2026, 3, 4)),
        ([_due(9, 8), _due(4, 8)], date(2026, 3, 4)),
        ([_due(None, None)], None),
        ([], None),
    ],
)
def test_a_document_is_due_when_its_first_open_line_is(
    lines: list[dict[str, object]], due: date | None
) -> None:
    now = standing(invoice(*lines))

    assert now.due_on == due
    assert now.state is DocumentState.POSTED
    assert (now.issued_on, now.sent) == (date(2026, 2, 1), None)
    assert (now.total.minor, now.open.minor) == (1190, 500)


def test_a_state_that_tryton_does_not_have_is_drift() -> None:
    with pytest.raises(ContractDrift) as drift:
        standing(invoice(state="sent"))

    assert drift.value.payload_path == "$.state"


def test_the_amount_of_a_movement_is_in_the_currency_of_the_deal() -> None:
    def line(number: int, debit: str, second: str | None, *, receivable: bool) -> dict[str, object]:
        return {
            "id": number,
            "debit": decimal(max(Decimal(debit), Decimal(0))),
            "credit": decimal(max(-Decimal(debit), Decimal(0))),
            "amount_second_currency": second and decimal(Decimal(second)),
            "second_currency": second and {"code": "USD"},
            "reconciliation": None,
            "origin": f"account.move.line,{number}" if receivable else None,
            "account": {"id": 1, "type": {"receivable": receivable}},
        }

    row = {
        "id": 5,
        "number": "M-5",
        "state": "posted",
        "description": "pay_1",
        "lines": [
            line(1, "100", "110", receivable=False),
            line(2, "-60", "-66", receivable=True),
            line(3, "-40", "-44", receivable=True),
            line(4, "0", None, receivable=True),
        ],
    }
    move = parsed(Move, row, "move")

    assert move.entry("LE-DE", EUR).amount == Money(minor=11000, currency="USD")
    assert [claim.settles for claim in move.claims] == [2, 3]


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


def party(code: str, name: str, *identifiers: str, country: str | None = None) -> dict[str, object]:
    return {
        "id": 1,
        "code": code,
        "name": name,
        "active": True,
        "identifiers": [{"code": identifier} for identifier in identifiers],
        "addresses": [{"country": country and {"code": country}}],
    }


@pytest.mark.parametrize(
    ("row", "by"),
    [
        (party("X", "Other", "cus_1"), "external_id"),
        (party("cus_1", "Other"), "external_id"),
        (party("X", "Other", "de123456788"), "tax_id"),
        (party("X", "MÜLLER  & söhne"), "name"),
        (party("X", "Müller & Söhne", country="DE"), "name"),
        (party("X", "Müller & Söhne", country="AT"), None),
        (party("X", "Müller"), None),
    ],
)
def test_a_party_matches_by_what_is_strongest(row: dict[str, object], by: str | None) -> None:
    assert match(row, profile()) == (by and PartyMatch(party=str(row["code"]), by=by))


def test_a_party_is_made_of_a_profile() -> None:
    values = party_values(profile(), 4)

    ((_, (address,)),) = values["addresses"]
    ((_, identifiers),) = values["identifiers"]
    assert address["street_unstructured"] == "Weg 1\nHof"
    assert (address["country"], address["invoice"]) == (4, True)
    assert [identifier["type"] for identifier in identifiers] == [None, "eu_vat", None]
    assert "contact_mechanisms" not in values


def test_tax_ids_compare_as_people_write_them() -> None:
    assert compact("de 123.456-788") == compact("DE123456788")


def test_journals_are_named_by_code_or_id() -> None:
    options = TrytonOptions.model_validate({"database": "erp", "login": "t", "bank_journal": 7})

    assert (options.bank_journal, options.write_off_journal) == ("7", None)


async def test_a_party_that_the_erp_refuses_is_told_without_its_words() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/rpc/"):
            return httpx.Response(200, content=orjson.dumps({"id": 1, "result": [1, "token"]}))
        if request.method == "POST":
            said = {"message": "Müller & Söhne, DE123456788, is on the list of debtors"}
            return httpx.Response(400, content=orjson.dumps(said))
        return httpx.Response(200, content=b"[]")

    config = ConnectionConfig(
        name="tryton",
        vendor="tryton",
        base_url="http://erp",
        secrets={"api_key": SecretStr("k"), "password": SecretStr("p")},
        options={"database": "erp", "login": "trueup"},
    )
    books = TrytonErp.connect(config, transport=httpx.MockTransport(answer))
    with pytest.raises(Rejection) as refused:
        await books.create_party(profile())
    await books.close()

    assert refused.value.reason is RejectionCode.ACCOUNT_UNMAPPED
    assert refused.value.subject == "cus_1"
    assert "Müller" not in refused.value.message
