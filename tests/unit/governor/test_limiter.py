"""How many calls a vendor takes is found out; on a clock that jumps."""

import asyncio

import pytest

from benchmarks.governor import queueing, refusing
from connectors.limiter import ANSWERS_AT_CEILING, Limiter
from tests.harness.virtual_time import passes, run


def rounds(limiter: Limiter, count: int, *, seconds: float = 0.05) -> None:
    """So many times that all places are taken and answered."""
    for _ in range(count):
        for _ in range(limiter.limit):
            limiter.answered(seconds, turn=limiter.turn, full=True, writes=False)


def test_it_grows_by_one_a_round_while_all_places_are_taken() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 3)
    assert limiter.limit == 5


def test_it_does_not_grow_where_places_are_free() -> None:
    limiter = Limiter(patience=20)
    for _ in range(100):
        limiter.answered(0.05, turn=0, full=False, writes=False)
    assert limiter.limit == 2


def test_it_never_passes_what_is_set() -> None:
    limiter = Limiter(patience=20, most=3)
    rounds(limiter, 10)
    assert limiter.limit == 3


def test_a_refusal_takes_one_and_is_tried_again_after_some_hundred_answers() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 4)
    assert limiter.limit == 6
    limiter.refused(turn=limiter.turn)
    assert limiter.limit == 5
    rounds(limiter, ANSWERS_AT_CEILING // 5 - 1)
    assert limiter.limit == 5
    rounds(limiter, 1)
    assert limiter.limit == 6


def test_refusals_of_one_moment_count_once() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 8)
    turn = limiter.turn
    for _ in range(5):
        limiter.refused(turn=turn)
    assert limiter.limit == 9


def test_refusals_in_a_row_take_more_each_time() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 18)
    seen = []
    for _ in range(5):
        limiter.refused(turn=limiter.turn)
        seen.append(limiter.limit)
    assert seen == [19, 17, 13, 5, 1]


def test_no_answer_halves_it() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 8)
    limiter.silent(turn=limiter.turn)
    assert limiter.limit == 5


def test_an_answer_that_has_become_slow_halves_it() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 8)
    limiter.answered(16, turn=limiter.turn, full=True, writes=False)
    assert limiter.limit == 5


def test_what_always_takes_long_does_not_make_it_fewer_nor_more() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 20, seconds=17)
    assert limiter.limit == 2


def test_writes_are_compared_with_writes() -> None:
    limiter = Limiter(patience=20)
    rounds(limiter, 5)
    for _ in range(10):
        limiter.answered(17, turn=limiter.turn, full=True, writes=True)
    assert limiter.limit == 7


@pytest.mark.parametrize("places", [2, 5, pytest.param(20, marks=pytest.mark.slow)])
def test_nearly_all_of_a_vendor_is_used_and_it_is_hardly_ever_refused(places: int) -> None:
    used, refused = run(refusing(places))
    assert used >= 95
    assert refused < 1


def test_an_erp_that_takes_17_seconds_a_write_gets_all_of_them_once() -> None:
    vendor, late, _ = run(queueing())
    assert (len(vendor.done), set(vendor.done.values()), late) == (70, {1}, 0)


def test_the_clock_jumps() -> None:
    async def later() -> float:
        await passes(3600)
        return asyncio.get_running_loop().time()

    assert run(later()) == pytest.approx(3600)
