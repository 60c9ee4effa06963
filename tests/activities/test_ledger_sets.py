"""Sets in the effect ledger: one write is under way, what may still land is waited for, and taking
back is the next write."""

from dataclasses import replace
from typing import Any

import pytest

from activities.effect import Effect
from activities.ledger import EffectLedger
from canonical_models.effects import EffectState
from canonical_models.failures import MayStillLand, Rejection, RejectionCode, UncertainWrite
from connectors.attempts import Attempt
from persistence.database import Database
from tests.harness.slow_ledger import KEY, Ledger, begun
from tests.harness.slow_vendor import Made


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def as_set(ledger: Ledger, key: str, says: int, **given: Any) -> Effect[Made]:
    async def write(_: object) -> Made:
        await ledger.vendor.ask("set", lambda: None)
        return Made(number=says, state="set")

    async def again() -> None:
        return None

    return ledger.effect(
        key=key,
        request=Made(number=says, state="set"),
        probe=again,
        write=write,
        replaces=True,
        writes_set="organization:acme/org_1",
        reversed=None,
        stray=None,
        **given,
    )


async def test_a_later_write_of_a_set_waits_until_an_unanswered_one_can_land_no_more(
    ledger: Ledger,
) -> None:
    first = ledger.begin(as_set(ledger, "rev/1", 1))
    await ledger.lose("set")
    with pytest.raises(UncertainWrite):
        await first

    with pytest.raises(MayStillLand):
        await ledger.begin(as_set(ledger, "rev/2", 2))
    # The same once more can overwrite nothing.
    again = ledger.begin(as_set(ledger, "rev/1", 1))
    await ledger.answer("set")
    await again
    with pytest.raises(MayStillLand):
        await ledger.begin(as_set(ledger, "rev/2", 2))

    await ledger.time_passes()
    second = ledger.begin(as_set(ledger, "rev/2", 2))
    await ledger.answer("set")
    assert (await second).number == 2


async def test_what_the_vendor_would_make_twice_waits_though_it_says_the_same(
    ledger: Ledger,
) -> None:
    """By the same change, and by another that sees the same."""
    first = ledger.begin(as_set(ledger, "rev/1", 1, once=True))
    await ledger.lose("set")
    with pytest.raises(UncertainWrite):
        await first
    for key in ("rev/1", "rev/2"):
        with pytest.raises(MayStillLand):
            await ledger.begin(as_set(ledger, key, 1, once=True))

    await ledger.time_passes()
    again = ledger.begin(as_set(ledger, "rev/1", 1, once=True))
    await ledger.answer("set")
    assert (await again).number == 1


async def test_taking_back_waits_for_what_would_make_the_same_once_more(ledger: Ledger) -> None:
    first = ledger.begin(as_set(ledger, KEY, 1, once=True))
    await ledger.answer("set")
    await first
    await ledger.time_passes()
    other = ledger.begin(as_set(ledger, "rev/2", 0, once=True))
    await ledger.lose("set")
    with pytest.raises(UncertainWrite):
        await other
    before = as_set(ledger, KEY, 0, once=True)

    async def write(_: Made, attempt: Attempt) -> Made:
        return await before.write(attempt)

    async def left() -> tuple[Made, ...]:
        return ()

    with pytest.raises(MayStillLand):
        await ledger.ledger.undo(before, write, left=left)
    await ledger.time_passes()
    undo = begun(ledger.ledger.undo(before, write, left=left))
    await ledger.answer("set")
    await undo
    assert (await ledger.row()).state is EffectState.COMPENSATED


async def test_one_write_of_a_set_is_under_way_at_a_time(ledger: Ledger) -> None:
    first = ledger.begin(as_set(ledger, "rev/1", 1))
    request = await ledger.sent("set")

    with pytest.raises(MayStillLand) as later:
        await ledger.begin(as_set(ledger, "rev/2", 2))
    assert later.value.retry_after <= 1
    request.tell()
    await first

    second = ledger.begin(as_set(ledger, "rev/2", 2))
    await ledger.answer("set")
    assert (await second).number == 2


async def test_a_set_is_taken_back_by_its_next_write_which_waits_likewise(ledger: Ledger) -> None:
    first = ledger.begin(as_set(ledger, KEY, 1))
    await ledger.lose("set")
    with pytest.raises(UncertainWrite):
        await first
    before = as_set(ledger, KEY, 0)

    async def write(_: Made, attempt: Attempt) -> Made:
        return await before.write(attempt)

    async def left() -> tuple[Made, ...]:
        return (Made(number=1, state="set"),)

    with pytest.raises(MayStillLand):
        await ledger.ledger.undo(before, write, left=left)
    await ledger.time_passes()
    undo = begun(ledger.ledger.undo(before, write, left=left))
    await ledger.sent("set")
    with pytest.raises(MayStillLand):
        await ledger.begin(as_set(ledger, "rev/2", 2))
    await ledger.answer("set")
    await undo

    assert (await ledger.row()).state is EffectState.COMPENSATED
    second = ledger.begin(as_set(ledger, "rev/2", 2))
    await ledger.answer("set")
    assert (await second).number == 2


async def test_no_connection_is_held_while_the_vendor_is_asked(ledger: Ledger) -> None:
    small = Database(ledger.database.dsn, pool_size=1)
    ledger.ledger = EffectLedger(small)
    try:
        attempt = ledger.begin(as_set(ledger, "rev/1", 1))
        await ledger.sent("set")
        async with small.statement() as conn:
            await conn.execute("select 1")
        await ledger.answer("set")
        await attempt
    finally:
        await small.close()


async def test_of_a_set_that_was_refused_there_is_nothing_to_take_back(ledger: Ledger) -> None:
    """Who refuses to show one thing would refuse to show the one before as well."""

    async def no(_: Attempt) -> Made:
        raise Rejection(RejectionCode.SUPPORT_REFUSED, "not today", system="support")

    async def not_asked(_: Made, __: Attempt) -> Made:
        raise AssertionError("nothing of it is there")

    async def left() -> tuple[Made, ...]:
        return (Made(number=0, state="set"),)

    refused = replace(as_set(ledger, KEY, 1), write=no)
    with pytest.raises(Rejection):
        await ledger.begin(refused)
    await ledger.ledger.undo(refused, not_asked, left=left)
    assert (await ledger.row()).state is EffectState.COMPENSATED
