"""Money: every ISO 4217 currency, exactness, and refusals."""

import operator
from collections.abc import Callable
from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canonical_models.currencies import MINOR_UNITS
from canonical_models.money import MAX_MINOR, CurrencyMismatch, Money

CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))
MINORS = st.integers(-(10**12), 10**12)


def test_every_currency_has_the_minor_unit_of_an_independent_copy_of_the_standard() -> None:
    theirs = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
    assert theirs == MINOR_UNITS


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("10.50", "EUR", 1050), ("1050", "JPY", 1050), ("1.234", "KWD", 1234), ("0.0001", "CLF", 1)],
)
def test_decimal_amounts_become_minor_units(amount: str, currency: str, minor: int) -> None:
    money = Money.of(amount, currency)
    assert money.minor == minor
    assert money.decimal == Decimal(amount)


@pytest.mark.parametrize("amount", ["0.001", "NaN", "Infinity", "1e-9"])
def test_what_no_coin_can_pay_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"EUR|not an amount"):
        Money.of(amount, "EUR")


@pytest.mark.parametrize("currency", ["XAU", "XXX", "eur", "EURO", ""])
def test_a_currency_without_minor_unit_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(minor=1, currency=currency)


@pytest.mark.parametrize("minor", [1.0, "1", True, MAX_MINOR + 1])
def test_only_bounded_integers_are_minor_units(minor: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"minor": minor, "currency": "EUR"})


@given(minor=MINORS, currency=CURRENCIES)
def test_decimal_and_json_round_trips_are_exact(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)
    assert Money.of(money.decimal, currency) == money
    assert Money.model_validate_json(money.model_dump_json()) == money


@given(left=MINORS, right=MINORS, currency=CURRENCIES)
def test_addition_and_negation_are_those_of_integers(left: int, right: int, currency: str) -> None:
    one, two = Money(minor=left, currency=currency), Money(minor=right, currency=currency)
    assert (one + two).minor == left + right
    assert (one - two).minor == left - right
    assert one - one == Money.zero(currency)
    assert (-one).minor == -left
    assert abs(one).minor == abs(left)
    assert bool(one) is (left != 0)


@given(left=MINORS, right=st.one_of(MINORS, st.integers(-1, 1)), currency=CURRENCIES)
def test_amounts_are_ordered_as_integers_are(left: int, right: int, currency: str) -> None:
    # Neighbours and equals, which two numbers at large never are.
    for other in (right, left, left + 1):
        one, two = Money(minor=left, currency=currency), Money(minor=other, currency=currency)
        assert (one < two) is (left < other)
        assert (one <= two) is (left <= other)
        assert (one > two) is (left > other)
        assert (one >= two) is (left >= other)
        assert (one == two) is (left == other)


def test_an_amount_of_another_currency_is_another_amount() -> None:
    assert Money.zero("EUR") != Money.zero("USD")


def test_a_sum_has_the_currency_that_is_asked_for() -> None:
    amounts = [Money(minor=minor, currency="EUR") for minor in (1, -3, 7)]
    assert Money.total(amounts, "EUR") == Money(minor=5, currency="EUR")
    assert Money.total([], "JPY") == Money.zero("JPY")


@pytest.mark.parametrize(
    "combine",
    [
        operator.add,
        operator.sub,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        lambda left, right: Money.total([right], left.currency),
    ],
    ids=["+", "-", "<", "<=", ">", ">=", "sum"],
)
def test_currencies_do_not_mix(combine: Callable[[Money, Money], object]) -> None:
    with pytest.raises(CurrencyMismatch, match=r"cannot combine (EUR with USD|USD with EUR)"):
        combine(Money.zero("EUR"), Money.zero("USD"))


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (123456789, "EUR", "1,234,567.89 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1050, "JPY", "1,050 JPY"),
        (1, "KWD", "0.001 KWD"),
    ],
)
def test_people_read_every_digit_of_the_currency(minor: int, currency: str, words: str) -> None:
    assert str(Money(minor=minor, currency=currency)) == words


@pytest.mark.parametrize(
    ("minor", "part", "whole", "result"),
    [(5, 1, 2, 3), (-5, 1, 2, -3), (1000, 1, 3, 333), (2000, 2, 3, 1333), (7, 0, 5, 0)],
)
def test_a_share_is_rounded_half_away_from_zero(
    minor: int, part: int, whole: int, result: int
) -> None:
    assert Money(minor=minor, currency="EUR").scaled(part, whole).minor == result
