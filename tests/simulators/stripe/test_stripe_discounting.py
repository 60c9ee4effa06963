"""What discounts take off amounts, as arithmetic."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from sandbox.simulators.stripe.discounting import Off, Part, cuts, taken

rests = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


def fixed(amount: int, *products: str) -> Off:
    return Off("di_fixed", None, amount, frozenset(products) if products else None)


def percent(value: str) -> Off:
    return Off("di_percent", Fraction(value), None, None)


@given(rests, st.integers(1, 10**9))
def test_a_fixed_amount_is_spread_to_the_last_unit(amounts: list[int], amount: int) -> None:
    shares = fixed(amount).over(amounts)
    assert sum(shares) == min(amount, sum(amounts))
    assert all(0 <= share <= rest for share, rest in zip(shares, amounts, strict=True))


@given(rests, st.integers(1, 10**9))
def test_a_fixed_amount_is_spread_in_proportion(amounts: list[int], amount: int) -> None:
    whole = sum(amounts)
    for share, rest in zip(fixed(amount).over(amounts), amounts, strict=True):
        exact = Fraction(min(amount, whole) * rest, whole) if whole else Fraction(0)
        assert abs(share - exact) <= 1


@given(rests, st.integers(1, 100))
def test_a_percentage_never_takes_more_than_there_is(amounts: list[int], value: int) -> None:
    shares = percent(str(value)).over(amounts)
    assert all(0 <= share <= rest for share, rest in zip(shares, amounts, strict=True))


def test_halves_are_rounded_up_on_each_line() -> None:
    assert percent("12.5").over([100, 300, 4]) == [13, 38, 1]


def test_each_discount_takes_of_what_is_left() -> None:
    [found] = cuts([Part(1000, "p", [fixed(100)])], [percent("10"), percent("50")])
    assert [one["amount"] for one in found] == [100, 90, 405]
    assert [one["item"] for one in found] == [True, False, False]
    assert (taken(found), taken(found, item=True), taken(found, item=False)) == (595, 100, 495)


def test_a_fixed_amount_reaches_only_what_it_may() -> None:
    parts = [
        Part(300, "pro"),
        Part(600, "addon"),
        Part(-50, "pro"),
        Part(300, "pro", discountable=False),
        Part(100, "pro"),
    ]
    found = cuts(parts, [fixed(200, "pro")])
    assert [taken(entries) for entries in found] == [150, 0, 0, 0, 50]
    assert [len(entries) for entries in found] == [1, 0, 0, 0, 1]


def test_nothing_is_left_to_take() -> None:
    found = cuts([Part(100, None), Part(0, None)], [percent("100"), fixed(5)])
    assert [[one["amount"] for one in entries] for entries in found] == [[100, 0], [0, 0]]
