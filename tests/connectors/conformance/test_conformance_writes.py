"""Every write of every port on every system: once, whatever becomes of its requests."""

import pytest

from tests.connectors.conformance import checks
from tests.connectors.conformance.cases import acts
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.describing import Act
from tests.connectors.conformance.systems import SYSTEMS


def act_of(name: str, act: str) -> Act:
    return next(each for each in SYSTEMS[name].port.acts if each.name == act)


@acts()
async def test_it_is_done_once_however_often_it_is_asked_for(
    start: Start, name: str, act: str
) -> None:
    await checks.once(await start(name), act_of(name, act))


@acts()
async def test_two_who_do_it_at_once_do_it_once(start: Start, name: str, act: str) -> None:
    await checks.race(await start(name), act_of(name, act))


@pytest.mark.parametrize("fate", checks.FATES)
@acts()
async def test_it_is_done_once_whatever_becomes_of_its_answer(
    start: Start, name: str, act: str, fate: str
) -> None:
    """Of several requests that write, each loses its answer in its turn, the first and the last
    land later, and the last is lost before it arrives."""
    system, which = await start(name), act_of(name, act)
    count = await checks.writes_of(system, which)
    places = {"lost after": range(count), "landing later": sorted({0, count - 1})}
    for at in places.get(fate, [count - 1]):
        await checks.lost(system, which, checks.FATES[fate], at, count)
