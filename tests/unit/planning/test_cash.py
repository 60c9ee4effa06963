"""Payouts: what proves one, how it is booked, and how clearing should stand."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from canonical_models.cash import CashKind, CashMovement, DepositEntry, Payout, PayoutStatus
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from canonical_models.policy import CashPolicy
from planning.cash import (
    accounts_of,
    deposit_of,
    disagreements,
    is_before,
    require_agreement,
    return_of,
    standings,
    waits,
)

POLICY = CashPolicy(
    legal_entity="LE-DE", clearing="1.1.5", bank="1.1.1", banks={"USD": "1.1.2"}, fees="5.2.4"
)
AT = datetime(2026, 11, 28, tzinfo=UTC)


def eur(minor: int, currency: str = "EUR") -> Money:
    return Money(minor=minor, currency=currency)


def moved(kind: CashKind, minor: int, fee: int = 0, tax: int = 0, **more: Any) -> CashMovement:
    currency = more.pop("currency", "EUR")
    return CashMovement(
        movement_id=f"txn_{kind}_{minor}",
        kind=kind,
        amount=eur(minor, currency),
        fee=eur(fee, currency),
        fee_tax=eur(tax, currency),
        at=AT,
        called=kind.value,
        source_id="pi_1",
        **more,
    )


def payout(minor: int, *movements: CashMovement, **more: Any) -> Payout:
    return Payout(
        payout_id="po_1",
        amount=eur(minor),
        status=more.pop("status", PayoutStatus.PAID),
        automatic=more.pop("automatic", True),
        reconciled=more.pop("reconciled", True),
        created_at=AT,
        arrives_on=date(2026, 11, 30),
        movements=more.pop("movements", movements),
        **more,
    )


SEVERAL = (
    moved(CashKind.CHARGE, 11900, 200, 38),
    moved(CashKind.CHARGE, 9920, 150, taken=eur(11000, "USD")),
    moved(CashKind.REFUND, -400),
    moved(CashKind.DISPUTE, -300, 1500),
    moved(CashKind.FEE, 0, 500),
    # What came back of an earlier one.
    moved(CashKind.PAYOUT, 7000),
)
NET = 11900 - 238 + 9920 - 150 - 400 - 1800 - 500 + 7000


def test_a_payout_is_bank_and_fees_against_clearing() -> None:
    draft = deposit_of(payout(NET, *SEVERAL), POLICY, first_open_day=True)
    assert draft is not None
    assert (draft.received, draft.fee, draft.fee_tax) == (eur(NET), eur(2350), eur(38))
    assert draft.cleared == eur(11900 - 400 - 300 + 7000)
    assert [(each.taken, each.came_as) for each in draft.converted] == [
        (eur(11000, "USD"), eur(9920))
    ]
    assert (draft.value_date, draft.first_open_day) == (date(2026, 11, 30), True)
    undone = draft.reversed_as("po_1/undo", date(2026, 12, 1))
    assert (undone.received, undone.cleared) == (-draft.received, -draft.cleared)
    back = return_of(payout(NET, *SEVERAL, back_on=date(2026, 12, 7)), draft)
    assert (back.received, back.fee, back.cleared) == (eur(-NET), eur(0), eur(-NET))
    assert back.value_date == date(2026, 12, 7)


@pytest.mark.parametrize(
    ("minor", "more", "said"),
    [
        (NET + 1, (), "sum to"),
        (NET - 1, (), "sum to"),
        (NET + 500, (moved(CashKind.OTHER, 500),), "neither a customer's money nor a fee"),
        (NET, (moved(CashKind.CHARGE, 0, currency="USD"),), "is in USD"),
    ],
)
def test_what_is_not_proven_to_the_cent_is_not_booked(
    minor: int, more: tuple[CashMovement, ...], said: str
) -> None:
    with pytest.raises(Rejection, match=said) as refused:
        deposit_of(payout(minor, *SEVERAL, *more), POLICY, first_open_day=False)
    assert (refused.value.reason, refused.value.subject) == (
        RejectionCode.PAYOUT_UNPROVEN,
        "po_1",
    )


def test_one_by_hand_is_its_sum_and_one_that_never_left_is_its_fees() -> None:
    by_hand = deposit_of(payout(500, movements=None), POLICY, first_open_day=False)
    assert by_hand is not None
    assert (by_hand.received, by_hand.fee, by_hand.cleared) == (eur(500), eur(0), eur(500))
    failed = payout(NET, *SEVERAL, status=PayoutStatus.FAILED)
    kept = deposit_of(failed, POLICY, first_open_day=False)
    assert kept is not None
    assert (kept.received, kept.fee) == (eur(0), eur(2350))
    # What was converted is converted all the same: billing gives it back in its own currency.
    assert kept.cleared == eur(2350 + 38 - 9920)
    nothing = payout(500, movements=None, status=PayoutStatus.CANCELED)
    assert deposit_of(nothing, POLICY, first_open_day=False) is None


def test_money_that_was_converted_has_to_say_of_which_payment_it_is() -> None:
    nameless = moved(CashKind.CHARGE, 9920, taken=eur(11000, "USD")).model_copy(
        update={"source_id": None}
    )
    with pytest.raises(Rejection, match="says no payment that it is of"):
        deposit_of(payout(9920, nameless), POLICY, first_open_day=False)


def test_a_payout_in_another_currency_goes_to_the_bank_account_of_it() -> None:
    assert accounts_of(POLICY, "USD").bank == "1.1.2"
    assert accounts_of(POLICY, "EUR").bank == "1.1.1"
    assert accounts_of(POLICY, "EUR").clearing == "1.1.5"


def test_what_comes_back_without_a_day_comes_back_on_that_of_the_bank() -> None:
    draft = deposit_of(payout(NET, *SEVERAL), POLICY, first_open_day=True)
    assert draft is not None
    back = return_of(payout(NET, *SEVERAL), draft)
    assert (back.value_date, back.external_id) == (date(2026, 11, 30), "po_1/returned")
    assert (back.fee_tax, back.converted) == (eur(0), ())


def entry(**changes: Any) -> DepositEntry:
    """What stands in the ERP of `SEVERAL`, of which a test changes a member."""
    given: dict[str, Any] = {
        "entry_id": "7",
        "external_id": "po_1",
        "number": "2026/7",
        "posted_on": date(2026, 11, 30),
        "conversion": eur(0),
        "received": eur(NET),
        "fee": eur(2350),
        "fee_tax": eur(38),
        "cleared": (eur(11900 - 400 - 300 + 7000), eur(11000, "USD")),
    }
    return DepositEntry(**given | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"received": eur(1)}, "bank: 257.32 EUR in billing, 0.01 EUR in the ERP"),
        ({"fee": eur(0)}, "fees: 23.50 EUR in billing, 0.00 EUR in the ERP"),
        ({"fee_tax": eur(37)}, "tax on fees: 0.38 EUR in billing, 0.37 EUR in the ERP"),
        (
            {"cleared": (eur(18200),)},
            "clearing: 182.00 EUR and 110.00 USD in billing, 182.00 EUR in the ERP",
        ),
        ({"cleared": ()}, "clearing: 182.00 EUR and 110.00 USD in billing, nothing in the ERP"),
    ],
)
def test_a_move_that_says_something_else_is_refused_with_both_sides(
    changes: dict[str, Any], words: str
) -> None:
    draft = deposit_of(payout(NET, *SEVERAL), POLICY, first_open_day=True)
    assert draft is not None
    require_agreement(draft, entry())
    assert disagreements(draft, entry(**changes)) == (words,)
    with pytest.raises(Rejection) as refused:
        require_agreement(draft, entry(**changes))
    assert (refused.value.reason, refused.value.subject, refused.value.system) == (
        RejectionCode.OUTCOME_MISMATCH,
        "po_1",
        "erp",
    )
    assert f"as move 2026/7, and not as billing says it: {words}" in refused.value.message


def test_sums_of_clearing_that_are_nothing_need_not_be_told() -> None:
    """Of what was converted and refunded whole nothing is left."""
    both = (
        moved(CashKind.CHARGE, 9920, taken=eur(11000, "USD")),
        moved(CashKind.REFUND, -9920, taken=eur(-11000, "USD")),
        moved(CashKind.CHARGE, 100),
    )
    draft = deposit_of(payout(100, *both), POLICY, first_open_day=True)
    assert draft is not None
    found = entry(received=eur(100), fee=eur(0), fee_tax=eur(0), cleared=(eur(100),))
    assert disagreements(draft, found) == ()


def test_what_waits_says_why() -> None:
    assert waits(payout(NET, *SEVERAL)) is None
    assert "2026-11-30" in (waits(payout(1, status=PayoutStatus.UNDERWAY)) or "")
    assert "not said yet" in (waits(payout(1, reconciled=False)) or "")
    assert waits(payout(1, automatic=False, reconciled=False)) is None
    assert is_before(payout(1), date(2026, 12, 1))
    assert not is_before(payout(1), date(2026, 11, 30))


@dataclass(frozen=True)
class Sum:
    kind: CashKind
    currency: str
    amount: int
    fee: int = 0
    taken_currency: str | None = None
    taken: int | None = None


def test_clearing_should_be_billings_balance_and_what_the_books_do_not_have_yet() -> None:
    unbooked = (
        Sum(CashKind.CHARGE, "EUR", 11900, 238),
        Sum(CashKind.CHARGE, "EUR", 9920, 150, "USD", 11000),
        Sum(CashKind.FEE, "EUR", 0, 500),
        Sum(CashKind.PAYOUT, "EUR", -7000),
        Sum(CashKind.OTHER, "EUR", 40),
    )
    on_balance = 11900 - 238 + 9920 - 150 - 500 - 7000 + 40
    euro, dollar = standings([eur(on_balance)], [eur(11901), eur(11000, "USD")], unbooked)
    assert (euro.fees, euro.on_the_way, euro.other) == (eur(888), eur(7000), eur(-40))
    # What customers have paid and no payout has taken.
    assert (euro.should, euro.difference) == (eur(11900), eur(1))
    assert (dollar.billing, dollar.should, dollar.difference) == (
        eur(0, "USD"),
        eur(11000, "USD"),
        eur(0, "USD"),
    )
