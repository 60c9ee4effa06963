"""What of settling needs no Tryton: allocation, moves as they are read and as they are wanted."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical_models.documents import SettlementKind as Kind
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from connectors.tryton.allocation import Allocation, Claim, allocate
from connectors.tryton.entries import (
    BALANCE,
    RECOVERED,
    SET_OFF,
    Move,
    described,
    description_of,
    external_id,
    label_of,
)
from connectors.tryton.mapping import Company, day, decimal, parsed
from connectors.tryton.plan import Leg, Plan, balancing
from connectors.tryton.settlements import SettlementAccounts

EUR = Company.model_validate({"id": 1, "currency": {"code": "EUR"}})
ON = date(2026, 7, 1)


@pytest.mark.parametrize(
    ("amount", "claim", "found"),
    [
        # Towards an invoice: in part, all, and more than is open.
        (50, (100, 100), Allocation(50, 0)),
        (100, (100, 100), Allocation(100, 0)),
        (150, (100, 100), Allocation(100, 50)),
        (50, (100, 0), Allocation(0, 50)),
        # Against it: what was settled opens again, and no more.
        (-30, (100, 20), Allocation(-30, 0, opens=True)),
        (-90, (100, 20), Allocation(-80, -10, opens=True)),
        (-50, (100, 100), Allocation(0, -50)),
        # A credit note is the other way round.
        (-20, (-20, -20), Allocation(-20, 0)),
        (-30, (-20, -20), Allocation(-20, -10)),
        (10, (-20, 0), Allocation(10, 0, opens=True)),
        (10, (-20, -20), Allocation(0, 10)),
        # Overpaid by hand, over nothing, and no document at all.
        (10, (100, -5), Allocation(0, 10)),
        (10, (0, 0), Allocation(0, 10)),
        (10, None, Allocation(0, 10)),
    ],
)
def test_a_document_takes_what_it_can(
    amount: int, claim: tuple[int, int] | None, found: Allocation
) -> None:
    assert allocate(amount, claim and Claim(*claim)) == found


@given(
    amount=st.integers(-(10**6), 10**6),
    total=st.integers(-(10**5), 10**5),
    part=st.fractions(0, 1),
)
def test_nothing_is_lost_and_nothing_overdone(amount: int, total: int, part: Any) -> None:
    claim = Claim(total, int(total * part))

    found = allocate(amount, claim)

    assert found.share + found.rest == amount
    assert min(0, total) <= claim.open - found.share <= max(0, total)


def line(number: int, balance: str, label: str = "payment", **fields: Any) -> dict[str, Any]:
    """A line of a move; on the receivable account where it has a party."""
    amount = Decimal(balance)
    party = fields.pop("party", 5)
    second = fields.pop("second", None)
    return {
        "id": number,
        "debit": decimal(max(amount, Decimal(0))),
        "credit": decimal(max(-amount, Decimal(0))),
        "amount_second_currency": second and decimal(Decimal(second)),
        "second_currency": second and {"code": "USD"},
        "reconciliation": None,
        "date": day(ON),
        "party": party,
        "origin": None,
        "description": label,
        "account": {"id": 1 if party else 2, "type": {"receivable": party is not None}},
        **fields,
    }


def move(*lines: dict[str, Any], **fields: Any) -> Move:
    given = {
        "id": 5,
        "number": "M-5",
        "state": "posted",
        "date": day(ON),
        "journal": 7,
        "description": "mv_1",
        "lines": lines,
    }
    return parsed(Move, given | fields, "move")


@pytest.mark.parametrize(
    ("lines", "amount"),
    [
        ([line(1, "100", party=None), line(2, "-60"), line(3, "-40")], ("100", "EUR")),
        ([line(1, "-30"), line(2, "30", BALANCE)], ("30", "EUR")),
        ([line(1, "30"), line(2, "-30", BALANCE)], ("-30", "EUR")),
        ([line(1, "-30", BALANCE), line(2, "30", party=None)], ("30", "EUR")),
        ([line(1, "-50"), line(2, "50", SET_OFF)], ("50", "EUR")),
        ([line(1, "-69", RECOVERED, party=None), line(2, "69", party=None)], ("69", "EUR")),
        ([line(1, "-60", second="-66"), line(2, "60", party=None)], ("66", "USD")),
        ([line(1, "0", second="-0.01"), line(2, "0", party=None)], ("0.01", "USD")),
    ],
)
def test_the_amount_of_a_movement_is_what_it_takes_off_the_debt(
    lines: list[dict[str, Any]], amount: tuple[str, str]
) -> None:
    entry = move(*lines).entry("LE-DE", EUR)

    assert entry.amount == Money.of(*amount)
    assert (entry.external_id, entry.posted_on) == ("mv_1", ON)


def test_a_line_says_what_it_is_for() -> None:
    found = move(
        line(1, "-60", origin="account.move.line,9"),
        line(2, "-40", origin="account.invoice,9"),
        line(3, "0"),
        line(4, "100", party=None, origin="account.move.line,8"),
    )

    assert found.named == (9,)
    assert found.party == 5


def plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "reference": "mv_1",
        "description": "mv_1",
        "company": EUR,
        "journal": 7,
        "period": 3,
        "on": ON,
        "matures": ON,
        "currency": "EUR",
        "second": None,
        "legs": (Leg(1, -6000, "payment", 5, 9), Leg(2, 6000, "payment")),
        "booked": (Decimal("-60.00"), Decimal("60.00")),
    }
    return Plan(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"on": date(2026, 7, 2)}, False),
        ({"journal": 8}, False),
        ({"legs": (Leg(1, -6000, "payment", 6, 9), Leg(2, 6000, "payment"))}, False),
        ({"legs": (Leg(1, -6000, "payment", 5), Leg(2, 6000, "payment"))}, False),
        ({"legs": (Leg(1, -6000, "refund", 5, 9), Leg(2, 6000, "payment"))}, False),
        ({"booked": (Decimal("-60.01"), Decimal("60.01"))}, False),
    ],
)
def test_a_draft_is_taken_for_what_it_says_alone(changes: dict[str, Any], *, same: bool) -> None:
    draft = move(
        line(1, "60", party=None), line(2, "-60", origin="account.move.line,9"), state="draft"
    )

    assert plan(**changes).says(draft) is same


def test_a_move_balances_whatever_was_rounded() -> None:
    booked = balancing([Decimal("-33.33"), Decimal("-0.01")])
    values = plan(
        currency="JPY",
        second=4,
        legs=(Leg(1, -5000, "payment", 5, 9), Leg(1, -1, "payment", 5), Leg(2, 5001, "payment")),
        booked=booked,
    ).values(with_external_id=True)
    ((_, lines),) = values["lines"]

    assert sum(booked) == 0
    assert values["external_id"] == "mv_1"
    assert [entry["amount_second_currency"]["decimal"] for entry in lines] == [
        "-5000",
        "-1",
        "5001",
    ]
    assert "party" not in lines[2]


def draft(**changes: Any) -> SettlementDraft:
    given = {
        "external_id": "re_1/applied",
        "kind": Kind.REFUND,
        "legal_entity": "LE-DE",
        "party": "C-1",
        "amount": Money(minor=-100, currency="EUR"),
        "value_date": ON,
        "posting_date": ON,
    }
    return SettlementDraft.model_validate(given | changes)


def test_the_reference_is_read_back_from_the_description() -> None:
    late = draft(value_date=date(2026, 6, 29))

    assert description_of(draft()) == "re_1/applied"
    assert description_of(late) == "re_1/applied, value date 2026-06-29"
    assert [external_id(None, description_of(one)) for one in (draft(), late)] == [
        "re_1/applied",
        "re_1/applied",
    ]
    assert external_id("re_2", "by hand") == "re_2"
    assert external_id(None, "Bank fee March") == external_id(None, None) == ""
    assert described("a_b%")[2] == ["description", "like", "a\\_b\\%, value date %"]


def test_a_dispute_and_its_end_say_the_same() -> None:
    lost, won = [draft(kind=kind, about="DE-1") for kind in (Kind.DISPUTE, Kind.DISPUTE_WON)]

    assert label_of(lost) == label_of(won) == "dispute DE-1"
    assert label_of(draft(kind=Kind.PAID_ELSEWHERE)) == "paid elsewhere"


def test_journals_are_named_by_code_or_id() -> None:
    accounts = SettlementAccounts.model_validate({"bank_journal": 7, "goodwill_account": 4330})

    assert (accounts.bank_journal, accounts.goodwill_account) == ("7", "4330")
    assert accounts.write_off_journal is None
    with pytest.raises(ValidationError):
        SettlementAccounts.model_validate({"bank": "7"})
