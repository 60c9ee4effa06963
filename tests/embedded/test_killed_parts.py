"""Each part of a real stack is killed, and what billing tells afterwards goes through."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from sandbox.demo.observed import known_changes, next_change, until
from sandbox.demo.systems import Row
from sandbox.demo.world import Account, World, account, catalogue, change_plan
from sandbox.embedded.facts import StackFacts
from sandbox.embedded.stack import EmbeddedStack

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.erp, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PLANS = ("Pro", "Starter")


@pytest.fixture
async def world(place: Path) -> AsyncIterator[World]:
    stop = asyncio.Event()
    stack = EmbeddedStack(place / "state", cache=ROOT / ".trueup" / "cache")
    async with stack.running() as facts:
        watching = asyncio.create_task(stack.supervise(stop))
        world = World.of(facts)
        try:
            yield world
        finally:
            await world.close()
            stop.set()
            await watching
    left = [name for name, pid in facts.pids.items() if psutil.pid_exists(pid)]
    assert left == []


async def killed(world: World, name: str, pid: int) -> None:
    """Kills a process of the part, and waits until the part is up again."""

    def restarts() -> int:
        ended = StackFacts.load(world.facts.state).ended.get(name)
        return ended.restarts if ended else 0

    async def again() -> bool | None:
        return restarts() > before or None

    before = restarts()
    os.kill(pid, signal.SIGKILL)
    await until(f"{name} again", again)


async def another_plan(world: World, buyer: Account, plan: str, prices: dict[str, str]) -> Row:
    """The change that came of it, settled."""
    seen = await known_changes(world, buyer)
    await change_plan(world, buyer, prices[plan])
    return await next_change(world, buyer, seen)


async def test_a_webhook_goes_through_after_any_part_was_killed(world: World) -> None:
    prices = await catalogue(world)
    buyer = await account(world, prices, party="C-1001")
    first = await next_change(world, buyer, set())
    assert first["outcome"] == "completed"
    began = world.facts.pids
    for number, name in enumerate(began):
        await killed(world, name, began[name])
        change = await another_plan(world, buyer, PLANS[number % 2], prices)
        assert (name, change["state"], change["outcome"]) == (name, "settled", "completed")
    facts = StackFacts.load(world.facts.state)
    assert {name: ended.restarts for name, ended in facts.ended.items()} == dict.fromkeys(began, 1)
    assert all("was killed by SIGKILL" in ended.why for ended in facts.ended.values())
    assert not set(facts.pids.values()) & set(began.values())
    # What a part runs itself belongs to it.
    (server,) = [
        child
        for child in psutil.Process(facts.pids["tryton"]).children(recursive=True)
        if any("trytond" in word for word in child.cmdline()[:2])
    ]
    await killed(world, "tryton", server.pid)
    change = await another_plan(world, buyer, PLANS[len(began) % 2], prices)
    assert (change["state"], change["outcome"]) == ("settled", "completed")
