"""News reaches its process: one that runs hears it, one that does not is started, none is lost."""

import asyncio
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from canonical_models.process import Process, ProcessKind
from dispatch.signalling import Signaller
from persistence import processes
from tests.dispatch.conftest import Scene
from tests.dispatch.test_dispatch_faults import away
from tests.harness.temporal import free_port, temporal_server
from tests.harness.waiting import until
from workflows.names import CUSTOMER, STAGE, SUBSCRIPTION, TENANT


def process(scene: Scene, key: str = "in_1", kind: ProcessKind = ProcessKind.DUNNING) -> Process:
    return Process(
        kind=kind, tenant=scene.tenant, key=key, subscription_id="sub_1", customer_id="cus_1"
    )


async def news(scene: Scene, *told: Process) -> None:
    async with scene.database.transaction() as conn:
        await processes.news(conn, told or (process(scene),))


def teller(scene: Scene, client: Client | None = None) -> Signaller:
    return Signaller(scene.database, client or scene.client, scene.tenant)


def handle(
    scene: Scene, key: str = "in_1", client: Client | None = None
) -> WorkflowHandle[Any, Any]:
    of = process(scene, key)
    return (client or scene.client).get_workflow_handle(of.workflow_id)


async def heard(scene: Scene, key: str = "in_1", client: Client | None = None) -> int:
    """News in the process's newest run."""
    history = await handle(scene, key, client).fetch_history()
    signals = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return [event.event_type for event in history.events].count(signals)


async def untold(scene: Scene) -> int:
    async with scene.database.statement() as conn:
        found = await conn.execute("select count(*) from processes where news > acknowledged")
        row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def test_news_starts_a_process_and_more_news_reaches_the_same_run(scene: Scene) -> None:
    await news(scene)
    assert await teller(scene).tell() == 1
    first = await handle(scene).describe()
    assert await heard(scene) == 1

    assert await teller(scene).tell() == 0
    await news(scene)
    await news(scene)
    assert await teller(scene).tell() == 1

    again = await handle(scene).describe()
    assert again.run_id == first.run_id
    assert await heard(scene) == 2
    assert again.workflow_type == "dunning"
    attributes = again.typed_search_attributes
    assert (attributes.get(TENANT), attributes.get(STAGE)) == (scene.tenant, "started")
    assert (attributes.get(SUBSCRIPTION), attributes.get(CUSTOMER)) == ("sub_1", "cus_1")
    assert await again.static_summary() == "Dunning of invoice in_1"


@pytest.mark.parametrize(
    ("kind", "summary"),
    [
        (ProcessKind.RENEWAL, "Renewal of x"),
        (ProcessKind.DUNNING, "Dunning of invoice x"),
        (ProcessKind.ENTITLEMENT, "Entitlements of customer x at app"),
    ],
)
async def test_every_kind_is_started_with_its_own_input(
    scene: Scene, kind: ProcessKind, summary: str
) -> None:
    target = "app" if kind is ProcessKind.ENTITLEMENT else None
    wanted = process(scene, "x", kind).model_copy(
        update={"subscription_id": None, "target": target}
    )
    await news(scene, wanted)
    await teller(scene).tell()
    place = "x/app" if target else "x"
    found = scene.client.get_workflow_handle(f"{kind.value}/{scene.tenant}/{place}")
    assert await (await found.describe()).static_summary() == summary
    (started, *_) = (await found.fetch_history()).events
    (given,) = started.workflow_execution_started_event_attributes.input.payloads
    assert Process.model_validate_json(given.data) == wanted


async def test_a_process_that_has_ended_is_started_anew(scene: Scene) -> None:
    await news(scene)
    await teller(scene).tell()
    first = await handle(scene).describe()
    await handle(scene).terminate()

    await news(scene)
    await teller(scene).tell()

    second = await handle(scene).describe()
    assert second.run_id != first.run_id
    assert await heard(scene) == 1


async def test_two_tellers_tell_each_process_once(scene: Scene) -> None:
    keys = [f"in_{number}" for number in range(12)]
    await news(scene, *(process(scene, key) for key in keys))
    told = await asyncio.gather(*(teller(scene).tell() for _ in range(2)))
    assert sum(told) == len(keys)
    assert [await heard(scene, key) for key in keys] == [1] * len(keys)


class Losing(Client):
    """Its first start happens, and the answer is lost."""

    async def start_workflow(self, *args: Any, **options: Any) -> Any:
        answer = await super().start_workflow(*args, **options)
        if not getattr(self, "_lost", False):
            self._lost = True
            raise RPCError("lost", RPCStatusCode.UNAVAILABLE, b"")
        return answer


async def test_what_may_have_been_told_is_told_again(scene: Scene) -> None:
    client = Losing(**scene.client.config())
    await news(scene)
    with pytest.raises(RPCError, match="lost"):
        await teller(scene, client).tell()
    assert await untold(scene) == 1

    assert await teller(scene, client).tell() == 1

    # The process looks twice, which is harmless; there is one of it.
    assert await heard(scene) == 2
    assert await untold(scene) == 0


async def test_while_temporal_is_away_news_stays(scene: Scene) -> None:
    port = free_port()
    client = await away(port)
    await news(scene)
    for _ in range(2):
        with pytest.raises((RPCError, RuntimeError)):
            await teller(scene, client).tell()
        assert await untold(scene) == 1
    await news(scene, process(scene, "in_2"))
    async with temporal_server(port=port) as server:
        assert await teller(scene, client).tell() == 2
        assert await heard(scene, "in_1", server.client) == 1
        assert await heard(scene, "in_2", server.client) == 1
    assert await untold(scene) == 0


async def test_a_dispatcher_tells_when_temporal_is_back(scene: Scene) -> None:
    port = free_port()
    client = await away(port)

    async def all_told() -> bool:
        return await untold(scene) == 0

    async with scene.dispatching(client=client, poll_seconds=0.5):
        await news(scene)
        async with temporal_server(port=port) as server:
            await until(all_told, "the news is told")
            assert await heard(scene, client=server.client) >= 1
        # And away once more.
        await news(scene)
        assert await untold(scene) == 1


async def test_a_notification_is_enough(scene: Scene) -> None:
    async def all_told() -> bool:
        return await untold(scene) == 0

    async with scene.dispatching():
        await news(scene)
        await until(all_told, "the news is told without a look")
        await news(scene)
        await until(all_told, "more news is told without a look")
    assert await heard(scene) == 2


class Picky(Signaller):
    """As where Temporal refuses one process for good."""

    async def _signal(self, process: Process) -> None:
        if process.key == "in_bad":
            raise RPCError("not this one", RPCStatusCode.INVALID_ARGUMENT, b"")
        await super()._signal(process)


async def test_a_process_that_is_refused_keeps_no_other_waiting(scene: Scene) -> None:
    await news(scene, process(scene, "in_bad"))
    await news(scene, process(scene, "in_2"))

    assert await Picky(scene.database, scene.client, scene.tenant).tell() == 1

    assert await untold(scene) == 1
    assert await heard(scene, "in_2") == 1
    await handle(scene, "in_2").terminate()
