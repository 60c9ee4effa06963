"""How many items of a batch are handed over at a time, where people have said how many a minute."""

import pytest

from activities.batch import share


@pytest.mark.parametrize("rate", [1, 7, 60, 600, 6000])
def test_what_people_ask_for_a_minute_is_handed_over_in_one(rate: int) -> None:
    many, seconds = share(rate, None)
    assert many * 60 / seconds == pytest.approx(rate)


@pytest.mark.parametrize(("free", "many"), [(0, 0), (16, 16), (900, 500)])
def test_no_more_than_may_be_under_way(free: int, many: int) -> None:
    assert share(6000, free) == (many, 5)
