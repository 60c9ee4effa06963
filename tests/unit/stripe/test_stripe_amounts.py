"""Stripe's smallest units against ISO 4217's, and tax inside an amount."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.currencies import MINOR_UNITS
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe.amounts import (
    MOST_MINOR,
    counted,
    currency_code,
    money,
    net_of_inclusive,
    rounded,
    shown_money,
)
from connectors.stripe.wire import TaxRate


@pytest.mark.parametrize(
    ("amount", "currency", "major"),
    [
        (1050, "eur", "10.50"),
        (500, "jpy", "500"),
        (5120, "kwd", "5.120"),
        (500, "isk", "5"),
        (500, "ugx", "5"),
        (500, "mga", "500.00"),
        (-333, "usd", "-3.33"),
    ],
)
def test_the_smallest_unit_of_each_sort_of_currency(amount: int, currency: str, major: str) -> None:
    assert money(amount, currency, subject="x") == Money.of(major, currency.upper())


@given(
    st.sampled_from(sorted(set(MINOR_UNITS) - {"ISK", "UGX", "MGA"})), st.integers(-(10**9), 10**9)
)
def test_elsewhere_the_smallest_unit_is_that_of_iso_4217(currency: str, amount: int) -> None:
    assert money(amount, currency.lower(), subject="x").minor == amount


@pytest.mark.parametrize("currency", ["isk", "ugx"])
def test_a_fraction_of_a_currency_without_one_is_drift(currency: str) -> None:
    with pytest.raises(ContractDrift) as caught:
        money(550, currency, subject="Line il_1")
    assert caught.value.payload_path == "$.amount"
    assert "Line il_1" in caught.value.message


@pytest.mark.parametrize("amount", [MOST_MINOR + 1, -MOST_MINOR - 1, 2**63])
def test_an_amount_beyond_any_ledger_is_rejected(amount: int) -> None:
    with pytest.raises(Rejection) as caught:
        money(amount, "eur", subject="Line il_1")
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE
    assert caught.value.subject == "Line il_1"


def test_the_largest_amount_passes() -> None:
    assert money(-MOST_MINOR, "eur", subject="x").minor == -MOST_MINOR


@pytest.mark.parametrize("currency", ["xau", "xxx", "zzz"])
def test_what_has_no_minor_unit_is_drift(currency: str) -> None:
    with pytest.raises(ContractDrift):
        currency_code(currency, subject="Subscription sub_1")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1050, "eur", Money.of("10.50", "EUR")),
        (MOST_MINOR + 1, "eur", None),
        (550, "isk", None),
        (1, "xau", None),
    ],
)
def test_what_is_only_shown_stops_nothing(amount: int, currency: str, shown: Money | None) -> None:
    assert shown_money(amount, currency) == shown


@pytest.mark.parametrize(
    ("quantity", "exact", "units"),
    [
        (3, None, Decimal(3)),
        (3, "3.25", Decimal("3.25")),
        (10**15, None, Decimal(10**15)),
        (None, None, None),
        (None, "0.5", Decimal("0.5")),
    ],
)
def test_units_are_counted_as_exactly_as_they_are_told(
    quantity: int | None, exact: str | None, units: Decimal | None
) -> None:
    assert counted(quantity, exact) == units


def _inclusive(percentage: float) -> TaxRate:
    return TaxRate(id="txr_1", inclusive=True, percentage=percentage)


@pytest.mark.parametrize(
    ("amount", "rates", "net"),
    [
        (11900, [_inclusive(19.0)], 10000),
        (-11900, [_inclusive(19.0)], -10000),
        (11900, [TaxRate(id="txr_1", inclusive=False, percentage=19.0)], 11900),
        (11500, [_inclusive(10), _inclusive(5)], 10000),
        (1000, [_inclusive(8.875)], 918),
        # A flat amount inside a price is not known before the invoice, and no zero.
        (1000, [TaxRate(id="txr_1", inclusive=True, percentage=None)], None),
        (1190, [_inclusive(19), TaxRate(id="txr_1", inclusive=True, percentage=None)], None),
        (1190, [_inclusive(19), TaxRate(id="txr_1", inclusive=False, percentage=None)], 1000),
        (1000, [], 1000),
    ],
)
def test_the_net_of_an_amount_that_contains_its_tax(
    amount: int, rates: list[TaxRate], net: int | None
) -> None:
    assert net_of_inclusive(amount, rates) == net


@given(st.integers(0, 10**12), st.sampled_from([5.5, 7, 8.875, 19.0, 25.5]))
def test_a_credit_mirrors_its_debit(amount: int, percentage: float) -> None:
    rates = [_inclusive(percentage)]
    net = net_of_inclusive(amount, rates)
    assert net is not None
    assert net_of_inclusive(-amount, rates) == -net
    assert 0 <= net <= amount


@given(st.fractions())
def test_rounding_is_to_the_nearest(value: Fraction) -> None:
    assert abs(rounded(value) - value) <= Fraction(1, 2)
    assert rounded(-value) == -rounded(value)
