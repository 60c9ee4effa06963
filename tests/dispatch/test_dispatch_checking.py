"""What the engine was told of is looked for in it: some at a time, all where its store is gone."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from dispatch import checking
from dispatch.checking import ProcessWatch
from persistence.processes import Acknowledged
from tests.dispatch.conftest import Scene
from tests.dispatch.test_dispatch_faults import away
from tests.dispatch.test_dispatch_signalling import handle, heard, news, process, teller, untold
from tests.harness.temporal import free_port


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_EVERY", timedelta(0))


class Refilled:
    times = 0

    async def __call__(self) -> None:
        self.times += 1


async def told(scene: Scene, *keys: str) -> None:
    await news(scene, *(process(scene, key) for key in keys))
    await teller(scene).tell()


async def test_what_runs_is_left_alone(scene: Scene) -> None:
    await told(scene, "in_1", "in_2")
    assert await ProcessWatch(scene.database, scene.client).poll() == 0
    assert await untold(scene) == 0


async def test_one_that_was_ended_from_outside_is_told_again(scene: Scene) -> None:
    await told(scene, "in_1", "in_2", "in_3")
    await handle(scene, "in_2").terminate()
    refilled = Refilled()
    assert await ProcessWatch(scene.database, scene.client, refill=refilled).poll() == 1
    assert await untold(scene) == 1
    assert await teller(scene).tell() == 1
    assert await heard(scene, "in_2") == 1
    # The store itself is there.
    assert refilled.times == 0


async def test_where_most_are_gone_all_are_looked_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LIMIT", 2)
    keys = [f"in_{number}" for number in range(5)]
    await told(scene, *keys)
    for key in keys:
        await handle(scene, key).terminate()
    refilled = Refilled()
    assert await ProcessWatch(scene.database, scene.client, refill=refilled).poll() == len(keys)
    assert (await untold(scene), refilled.times) == (len(keys), 1)


async def test_a_look_is_bounded_and_the_next_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_LIMIT", 2)
    monkeypatch.setattr(checking, "_EVERY", timedelta(seconds=-1))
    asked: list[str] = []

    class Counting(ProcessWatch):
        async def _state(
            self, process: Acknowledged, gate: asyncio.Semaphore
        ) -> WorkflowExecutionStatus | None:
            asked.append(process.workflow_id)
            return await super()._state(process, gate)

    await told(scene, "in_1", "in_2", "in_3")
    watch = Counting(scene.database, scene.client)
    await watch.poll()
    assert len(asked) == 2
    await watch.poll()
    assert set(asked) == {process(scene, key).workflow_id for key in ("in_1", "in_2", "in_3")}


async def test_what_has_still_to_be_told_is_not_lost(scene: Scene) -> None:
    await news(scene, process(scene, "in_9"))
    assert await ProcessWatch(scene.database, scene.client).look_at_all() == 0


async def test_while_temporal_is_away_nothing_is_taken_for_lost(scene: Scene) -> None:
    await told(scene, "in_1")
    elsewhere = ProcessWatch(scene.database, await away(free_port()))
    for _ in range(2):
        with pytest.raises((RPCError, RuntimeError)):
            await elsewhere.poll()
    assert await untold(scene) == 0
    # And it is looked for as soon as it answers again.
    await handle(scene, "in_1").terminate()
    assert await ProcessWatch(scene.database, scene.client).poll() == 1
