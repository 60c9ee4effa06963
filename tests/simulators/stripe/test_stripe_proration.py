"""Proration, tax and period arithmetic: hand-computed numbers, and laws for all numbers."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.simulators.stripe.money import money_text
from sandbox.simulators.stripe.periods import boundary, containing, day_text
from sandbox.simulators.stripe.proration import (
    Debit,
    Span,
    credit_classic,
    credit_flexible,
    debit,
    line_amount,
    round_half_up,
    share,
)
from sandbox.simulators.stripe.taxes import line_taxes, totals
from tests.simulators.stripe.stripe_sim import at

NOVEMBER = Span(at(2026, 11, 1), at(2026, 12, 1))
JANUARY = Span(at(2027, 1, 1), at(2027, 2, 1))


def test_half_a_month_is_half_the_price() -> None:
    assert debit(2500, NOVEMBER, at(2026, 11, 16), NOVEMBER.end) == 1250
    assert credit_classic(1000, NOVEMBER, at(2026, 11, 16), NOVEMBER.end) == -500


def test_every_second_counts() -> None:
    # 29.99 EUR, 31 days of 86 400 s; 20 d 13 h 27 min 44 s are left: 1 776 464 of 2 678 400 s.
    moment = at(2027, 1, 11, 10, 32, 16)
    assert JANUARY.end - moment == 1_776_464
    assert debit(2999, JANUARY, moment, JANUARY.end) == 1989  # 1989.09…
    # A whole second of 100 000.00 EUR a month is 3.73 cents: 4 (rounded), 7 for two seconds.
    assert debit(10_000_000, JANUARY, JANUARY.end - 1, JANUARY.end) == 4
    assert debit(10_000_000, JANUARY, JANUARY.end - 2, JANUARY.end) == 7


def test_halves_round_away_from_zero() -> None:
    assert [round_half_up(Fraction(n, 2)) for n in (1, 3, -1, -3, 4)] == [1, 2, -1, -2, 2]
    assert share(1001, 1, 2) == 501
    assert share(-1001, 1, 2) == -501


def test_a_unit_may_have_decimals_of_the_minor_unit() -> None:
    assert line_amount(Decimal("0.125"), 12) == 2  # 1.5 rounds up
    assert line_amount(Decimal(1999), 3) == 5997


def test_an_empty_period_cannot_be_prorated() -> None:
    with pytest.raises(ValueError, match="0 seconds"):
        share(100, 0, 0)


def test_a_flexible_credit_takes_back_what_was_debited() -> None:
    stub = Debit(1250, Span(at(2026, 11, 16), NOVEMBER.end))
    assert credit_flexible(stub, at(2026, 11, 16)) == -1250
    assert credit_flexible(stub, at(2026, 11, 26)) == -417  # 5 of 15 days: 416.67
    assert credit_flexible(stub, NOVEMBER.end) == 0


@given(
    amounts=st.lists(st.integers(0, 10**9), min_size=2, max_size=6),
    second=st.integers(0, NOVEMBER.seconds - 1),
)
def test_changes_in_one_second_are_as_one_change(amounts: list[int], second: int) -> None:
    """However often it changes within a second, only the first and the last state count."""
    moment = NOVEMBER.start + second
    billed = [debit(amount, NOVEMBER, moment, NOVEMBER.end) for amount in amounts]
    left = Span(moment, NOVEMBER.end)
    steps = sum(credit_flexible(Debit(old, left), moment) + new for old, new in pairwise(billed))
    assert steps == billed[-1] - billed[0]
    there_and_back = [*billed, *reversed(billed)]
    assert (
        sum(
            credit_flexible(Debit(old, left), moment) + new for old, new in pairwise(there_and_back)
        )
        == 0
    )


@given(
    amount=st.integers(0, 10**9),
    changes=st.lists(
        st.tuples(st.integers(0, NOVEMBER.seconds), st.integers(0, 10**6)), max_size=8
    ),
)
def test_any_sequence_of_changes_adds_up_to_the_time_used(
    amount: int, changes: list[tuple[int, int]]
) -> None:
    """All lines together are each state's price for its own time, to half a unit a rounding."""
    last = Debit(amount, NOVEMBER)
    total, exact = amount, Fraction(0)
    price, since = amount, NOVEMBER.start
    for offset, new_price in sorted(changes):
        moment = NOVEMBER.start + offset
        total += credit_flexible(last, moment)
        exact += Fraction(price * (moment - since), NOVEMBER.seconds)
        billed = debit(new_price, NOVEMBER, moment, NOVEMBER.end)
        total += billed
        last, price, since = Debit(billed, Span(moment, NOVEMBER.end)), new_price, moment
    exact += Fraction(price * (NOVEMBER.end - since), NOVEMBER.seconds)
    # A credit of a rounded debit carries its half unit on, so two halves a change.
    assert abs(total - exact) <= Fraction(3, 2) * len(changes)


@given(amount=st.integers(-(10**9), 10**9), part=st.integers(0, 10**6))
def test_a_credit_mirrors_its_debit(amount: int, part: int) -> None:
    assert share(-amount, part, 10**6) == -share(amount, part, 10**6)


def test_an_anchor_on_the_31st_comes_back_to_the_31st() -> None:
    anchor = at(2027, 1, 31, 9, 30)
    ends = [boundary(anchor, "month", 1, n) for n in range(5)]
    assert ends == [
        at(2027, 1, 31, 9, 30),
        at(2027, 2, 28, 9, 30),
        at(2027, 3, 31, 9, 30),
        at(2027, 4, 30, 9, 30),
        at(2027, 5, 31, 9, 30),
    ]
    assert boundary(at(2028, 2, 29), "year", 1, 1) == at(2029, 2, 28)
    assert boundary(at(2028, 2, 29), "year", 1, 4) == at(2032, 2, 29)
    assert boundary(at(2027, 1, 31), "month", 1, 13) == at(2028, 2, 29)


@given(
    anchor=st.integers(at(2020, 1, 1), at(2030, 1, 1)),
    moment=st.integers(at(2019, 1, 1), at(2032, 1, 1)),
    interval=st.sampled_from(["day", "week", "month", "year"]),
    count=st.integers(1, 3),
)
def test_every_moment_lies_in_exactly_one_period(
    anchor: int, moment: int, interval: str, count: int
) -> None:
    start, end = containing(anchor, interval, count, moment)
    assert start <= moment < end
    assert containing(anchor, interval, count, end)[0] == end
    assert containing(anchor, interval, count, start - 1)[1] == start


def rate(percentage: float, *, inclusive: bool, key: str = "txr_1") -> dict[str, object]:
    return {"id": key, "percentage": percentage, "inclusive": inclusive}


def test_exclusive_tax_comes_on_top_and_inclusive_is_inside() -> None:
    [on_top] = line_taxes(1999, [rate(19, inclusive=False)])
    assert (on_top["amount"], on_top["taxable_amount"]) == (380, 1999)  # 379.81
    [inside] = line_taxes(1190, [rate(19, inclusive=True)])
    assert (inside["amount"], inside["taxable_amount"]) == (190, 1000)


def test_two_rates_on_one_line_share_the_base() -> None:
    taxes = line_taxes(
        1000, [rate(5, inclusive=False, key="gst"), rate(9.975, inclusive=False, key="qst")]
    )
    assert [tax["amount"] for tax in taxes] == [50, 100]  # 99.75
    assert sum(tax["amount"] for tax in totals([{"taxes": taxes}, {"taxes": taxes}])) == 300


@given(amount=st.integers(-(10**9), 10**9), percentage=st.sampled_from([7, 19, 20, 8.875]))
def test_the_tax_of_a_credit_is_the_negative_of_the_debits(amount: int, percentage: float) -> None:
    for inclusive in (True, False):
        [there] = line_taxes(amount, [rate(percentage, inclusive=inclusive)])
        [back] = line_taxes(-amount, [rate(percentage, inclusive=inclusive)])
        assert there["amount"] == -back["amount"]


def test_money_and_dates_read_as_at_stripe() -> None:
    assert money_text(123456, "eur") == "€1,234.56"
    assert money_text(500, "jpy") == "¥500"
    assert money_text(1250, "kwd") == "KWD 1.250"
    assert money_text(-5, "usd") == "-$0.05"
    assert day_text(at(2026, 11, 5, 23, 59, 59)) == "5 Nov 2026"
