"""What is done in bulk has its share of a vendor's places and no more, on a clock that jumps."""

import asyncio
from collections import Counter

import pytest

from connectors.governor import BULK_TURN, Governor, NotNow, calling, counting, in_bulk
from tests.harness.virtual_time import passes, run

ANSWER_S = 0.1


class Vendor:
    """Takes so many calls at once, which we know already."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.governor = Governor(
            "erp", most=places, start=places, now=asyncio.get_running_loop().time
        )
        self.answers: Counter[bool] = Counter()
        self.waits: list[float] = []
        self.most_in_bulk = 0

    async def ask(self) -> None:
        began = self.governor.now()
        async with self.governor.call("erp") as call:
            if not in_bulk():
                self.waits.append(self.governor.now() - began)
            self.most_in_bulk = max(self.most_in_bulk, self.governor.in_bulk)
            await passes(ANSWER_S)
            call.answered(200)
        self.answers[in_bulk()] += 1

    async def caller(self, *, bulk: bool, until: float, pause: float = 0.0) -> None:
        with calling(wait=60, bulk=bulk):
            while self.governor.now() < until:
                await self.ask()
                await passes(pause)


def beside(places: int, live: int, bulk: int, *, pause: float = 0.0) -> Vendor:
    """After two minutes in which so many of each have called."""

    async def story() -> Vendor:
        vendor = Vendor(places)
        await asyncio.gather(
            *(vendor.caller(bulk=False, until=120, pause=pause) for _ in range(live)),
            *(vendor.caller(bulk=True, until=120) for _ in range(bulk)),
        )
        return vendor

    return run(story())


@pytest.mark.parametrize("places", [1, 2, 5, 20])
def test_beside_more_live_calls_than_there_are_places_bulk_has_its_share(places: int) -> None:
    vendor = beside(places, live=4 * places, bulk=4 * places)
    share = vendor.answers[True] / vendor.answers.total()
    assert 0.10 <= share <= 0.14, vendor.answers
    # The vendor is used as if there were one kind only.
    assert vendor.answers.total() * ANSWER_S >= 0.98 * places * 120


@pytest.mark.parametrize("places", [4, 8, 24])
def test_a_live_call_finds_a_place_while_bulk_has_much_to_do(places: int) -> None:
    """Half of the places are what live changes need."""
    vendor = beside(places, live=places // 2, bulk=4 * places, pause=0.05)
    assert vendor.most_in_bulk <= max(places // 8, 1) or vendor.governor.now() < 1
    waits = sorted(vendor.waits)
    # But for the first round, which bulk had for itself.
    assert waits[len(waits) * 95 // 100] == 0
    assert vendor.answers[True] * ANSWER_S >= 0.9 * max(places // 8, 1) * 120


def test_what_nobody_else_needs_bulk_has_whole() -> None:
    vendor = beside(8, live=0, bulk=32)
    assert vendor.answers[True] * ANSWER_S >= 0.98 * 8 * 120


def test_bulk_begins_again_at_once_where_the_others_have_gone() -> None:
    async def story() -> None:
        vendor = Vendor(8)
        await vendor.ask()
        others = [asyncio.create_task(vendor.caller(bulk=True, until=30)) for _ in range(8)]
        await passes(2)
        assert vendor.governor.in_bulk == 1
        await passes(8.03)
        assert vendor.governor.in_bulk == 8
        await asyncio.gather(*others)

    run(story())


def test_who_gives_up_waiting_leaves_no_place_taken() -> None:
    async def story() -> None:
        vendor = Vendor(1)
        with calling(wait=60):
            held = asyncio.create_task(vendor.ask())
        await passes(0)
        with calling(wait=0.05, bulk=True), pytest.raises(NotNow):
            async with vendor.governor.call("erp", writes=True):
                pass
        await held
        assert (vendor.governor.in_flight, vendor.governor.in_bulk) == (0, 0)
        with calling(wait=1, bulk=True):
            await vendor.ask()
        assert vendor.answers == {False: 1, True: 1}

    run(story())


def test_a_turn_is_one_in_so_many() -> None:
    vendor = beside(1, live=3, bulk=3)
    assert vendor.answers[True] == pytest.approx(vendor.answers[False] / (BULK_TURN - 1), rel=0.02)


def test_calls_within_a_caller_are_counted_apart() -> None:
    async def story() -> None:
        vendor = Vendor(2)
        with calling(wait=1, bulk=True) as whole:
            await vendor.ask()
            with counting() as part:
                await vendor.ask()
                await vendor.ask()
        assert (whole.called[vendor.governor], part.called[vendor.governor]) == (3, 2)
        assert vendor.answers == {True: 3}

    run(story())
