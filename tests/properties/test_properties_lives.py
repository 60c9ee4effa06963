"""Any life of a customer, told in any order, ends in what billing's own records ask of every
system: each line and each payment once, and nobody entitled, suspended or served without a reason.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment

from tests.harness import life_checks
from tests.harness.life_flow import World, lives
from tests.harness.life_seller import DAY, HOUR, UNITS, Birth, Turn, Verb

pytestmark = pytest.mark.timeout(600)


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type,misc]  # as many as it takes


#: Days of which a month or a year later there is none, and days from which a period runs into a
#: night with an hour more or less; where nothing else is said the zone is Europe/Berlin.
BEGINNINGS: tuple[tuple[datetime, str | None], ...] = (
    (utc(2028, 2, 29, 12), None),
    (utc(2027, 2, 28, 23, 30), "Asia/Kolkata"),
    (utc(2028, 1, 31, 23, 30), "America/New_York"),
    (utc(2027, 8, 31), "UTC"),
    (utc(2028, 2, 26, 0, 30), None),
    (utc(2028, 9, 28, 22), None),
    (utc(2028, 2, 12, 5), "America/New_York"),
    (utc(2028, 10, 5, 4), "America/New_York"),
    # Its clocks have no midnight on the day before the last Friday of April.
    (utc(2028, 3, 27, 20), "Africa/Cairo"),
)

#: A verb that is here twice is drawn twice as often.
VERBS: tuple[Verb, ...] = (
    *("upgrade", "downgrade", "quantity", "add", "remove", "switch"),
    *("renew", "renew", "renew", "wait", "refuse", "accept", "overrun", "overrun", "pay", "pay"),
    *("part", "void", "refund", "refund", "dispute", "dispute", "decide", "decide"),
    *("pause", "resume", "resume", "end_at_period", "reinstate", "cancel", "again", "again"),
)

births = st.builds(
    lambda beginning, *others: Birth(*beginning, *others),
    st.sampled_from(BEGINNINGS),
    st.sampled_from([*UNITS]),
    st.sampled_from(["month", "month", "year"]),
    st.integers(0, 5),
    st.integers(1, 9),
)
drawn = st.builds(
    Turn,
    verb=st.sampled_from(VERBS),
    after=st.sampled_from([0, 0, 600, 3 * HOUR, 2 * DAY, 9 * DAY, 20 * DAY]),
    which=st.integers(0, 3),
    price=st.integers(0, 5),
    quantity=st.integers(0, 6),
    behaviour=st.sampled_from(["create_prorations", "always_invoice", "none"]),
    heard=st.sampled_from([True, True, True, False]),
    looks=st.sampled_from([True, False, False]),
)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
async def world(
    module_dsn: str, temporal: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    async with lives(module_dsn, temporal.client, tmp_path_factory.mktemp("lives")) as made:
        yield made


def some(examples: int) -> Callable[[Any], Any]:
    """An example takes seconds, so a failure is reported as it was found."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
    )


@some(6)
@given(birth=births, turns=st.lists(drawn, min_size=3, max_size=8), seed=seeds)
@example(
    # A year is exchanged for months, and the first month is not paid: the year, which is paid
    # and still runs, is not what the customer has now.
    birth=Birth(utc(2028, 10, 5, 4), "America/New_York", "jpy", "year", 5, 3),
    turns=[
        Turn("switch", 3 * HOUR, price=3, behaviour="always_invoice", looks=True),
        Turn("overrun", 9 * DAY, quantity=5),
    ],
    seed=1,
)
@example(
    # Of half a year of months nothing was heard.
    birth=Birth(utc(2028, 9, 29, 22), None, "kwd", "month", 3, 8),
    turns=[Turn("wait", looks=True), Turn("wait", 190 * DAY, heard=False, looks=True)],
    seed=2,
)
@example(
    # A dispute is won, and then the customer is paid back all the same.
    birth=Birth(utc(2028, 2, 29, 12)),
    turns=[
        Turn("dispute", looks=True),
        Turn("decide", DAY),
        Turn("refund", DAY),
        Turn("wait", looks=True),
    ],
    seed=9,
)
async def test_a_life_told_in_any_order(
    world: World, birth: Birth, turns: list[Turn], seed: int
) -> None:
    await lived(world, birth, turns, seed)


@pytest.mark.slow
@some(24)
@given(birth=births, turns=st.lists(drawn, min_size=6, max_size=16), seed=seeds)
async def test_long_lives(world: World, birth: Birth, turns: list[Turn], seed: int) -> None:
    await lived(world, birth, turns, seed)


async def lived(world: World, birth: Birth, turns: list[Turn], seed: int) -> None:
    # Not drawn by hypothesis: how many events there are by when depends on how fast we are.
    life = await world.begin(birth, Random(seed))
    try:
        for turn in turns:
            await life.take(turn)
            await (life.tell_some() if turn.heard else life.hear())
            if turn.looks:
                await life_checks.agree(life, await life.settle())
        await life.tell_all()
        await life.settle()
        # What our own marks made billing tell.
        await life.tell_all()
        await life_checks.agree(life, await life.settle())
        await life_checks.ran_in_order(life)
    except AssertionError as wrong:
        raise AssertionError("\n".join([str(wrong), *life.log])) from wrong
