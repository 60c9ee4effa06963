"""Nothing is lost when a start is lost, doubled or refused, or when a server is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from canonical_models.amendment import ChangeKind
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.reading import read_inbox
from dispatch.starting import Starter
from persistence import change_queue, changes
from persistence.connection import Connection
from persistence.database import Database
from tests.dispatch.conftest import NEVER, Scene
from tests.harness.flow import states, statuses, write
from tests.harness.postgres import PostgresServer
from tests.harness.relay import relay_to
from tests.harness.temporal import free_port, temporal_server
from tests.harness.waiting import until
from tests.harness.webhooks import CONNECTION
from workflows.names import AMENDMENT, ChangeInput, change_workflow_id


async def one_claim(scene: Scene) -> change_queue.Claim:
    async with scene.database.transaction() as conn:
        (claim,) = await change_queue.claim(conn, in_flight=9, most=1)
    return claim


async def read_only(scene: Scene) -> None:
    """Let the inbox be read without anything being started."""
    assert not await read_inbox(scene.database, {(scene.tenant, CONNECTION): StripeWebhooks()})
    assert set((await states(scene.database)).values()) == {"pending"}


async def _read(scene: Scene) -> bool:
    return "received" not in (await statuses(scene.database)).values()


async def away(port: int | None = None) -> Client:
    return await Client.connect(
        f"127.0.0.1:{port or free_port()}", data_converter=pydantic_data_converter, lazy=True
    )


async def run_ids(scene: Scene) -> list[str]:
    async with scene.database.transaction() as conn:
        return [view.run_id or "" for view in await changes.page(conn, scene.tenant)]


async def test_while_temporal_is_away_changes_wait_and_then_go_on(scene: Scene) -> None:
    port = free_port()
    client = await away(port)
    events = [(f"evt_{n}", f"sub_{n % 3}") for n in range(9)]
    async with scene.dispatching(client=client, poll_seconds=0.5):
        await scene.receive(*events)
        await until(lambda: _read(scene), "the inbox is read")
        assert set((await states(scene.database)).values()) <= {"pending", "starting"}
        async with temporal_server(port=port) as server, scene.probing(server.client) as probe:
            await scene.all_settled(9)
    assert sorted(len(order) for order in probe.order.values()) == [3, 3, 3]


async def test_a_start_whose_answer_was_lost_is_found(scene: Scene) -> None:
    await scene.receive(("evt_1", "sub-hold"))
    await read_only(scene)
    claim = await one_claim(scene)
    run_id = await Starter(scene.client, scene.tenant).start(claim)
    async with scene.database.transaction() as conn:
        await change_queue.put_back(conn, [claim.change_id], reset_attempts=True)
    async with scene.probing() as probe, scene.dispatching():
        await scene.reached({"evt_1": "running"})
        assert await run_ids(scene) == [run_id]
        probe.release.set()
        await scene.all_settled(1)
    assert probe.order == {"sub-hold": [claim.change_id]}


async def test_a_saga_that_no_worker_has_begun_is_written_down(scene: Scene) -> None:
    """What begins says so itself; what waits for a worker is seen by the dispatcher's look."""
    async with scene.dispatching(poll_seconds=0.1):
        await scene.receive(("evt_1", "sub-1"))
        await scene.reached({"evt_1": "running"})
        saga = scene.client.get_workflow_handle(change_workflow_id(scene.tenant, "sub-1"))
        assert await run_ids(scene) == [(await saga.describe()).run_id]


async def test_a_claim_of_a_dispatcher_that_died_is_taken_over(scene: Scene) -> None:
    await scene.receive(("evt_1", "sub_1"))
    await read_only(scene)
    await one_claim(scene)
    await write(scene.database, "update changes set claimed_at = now() - interval '1 hour'")
    async with scene.probing(), scene.dispatching(poll_seconds=1):
        await scene.all_settled(1)


async def test_a_stopped_dispatcher_gives_back_what_it_had_in_hand(scene: Scene) -> None:
    """Something else is open under the subscription's id, so the start waits for its close."""
    workflow_id = change_workflow_id(scene.tenant, "sub_1")
    other = ChangeInput(
        tenant=scene.tenant, change_id="chg_other", subject="sub_1", trigger=ChangeKind.OTHER
    )
    handle = await scene.client.start_workflow(
        AMENDMENT, other, id=workflow_id, task_queue=scene.tenant
    )
    async with scene.dispatching():
        await scene.receive(("evt_1", "sub_1"))
        await scene.reached({"evt_1": "starting"})
    assert await states(scene.database) == {"evt_1": "pending"}
    async with scene.dispatching():
        await scene.reached({"evt_1": "starting"})
        # Before there is a worker that could end it by itself.
        await handle.terminate()
        async with scene.probing():
            await scene.all_settled(1)


async def test_a_refused_start_is_tried_again_later(scene: Scene) -> None:
    config = scene.client.config()
    config["namespace"] = "nowhere"
    await scene.receive(("evt_1", "sub_1"))

    async def refused() -> bool:
        async with scene.database.transaction() as conn:
            found = await conn.execute("select state = 'pending' and attempts > 0 from changes")
            return await found.fetchall() == [(True,)]

    async with scene.dispatching(client=Client(**config)):
        await until(refused, "the start is refused")
    async with scene.probing(), scene.dispatching(poll_seconds=0.5):
        await scene.all_settled(1)


async def test_a_lost_database_connection_is_made_again(
    scene: Scene, postgres: PostgresServer
) -> None:
    name = urlsplit(scene.database.dsn).path
    async with relay_to(str(postgres.folder)) as relay, scene.probing():
        relayed = Database(f"postgresql://postgres@127.0.0.1:{relay.port}{name}")
        # No slow look: only notifications over the new connection can wake it.
        async with scene.dispatching(database=relayed, poll_seconds=NEVER):
            await scene.receive(("evt_1", "sub_1"))
            await scene.all_settled(1)
            await relay.cut()
            await scene.receive(("evt_2", "sub_1"))
            await relay.start()
            await scene.all_settled(2)
            await scene.receive(("evt_3", "sub_1"))
            await scene.all_settled(3)
        await relayed.close()


class CountingDatabase(Database):
    transactions = 0
    statements = 0

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        self.statements += 1
        async with super().statement() as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self.transactions += 1
        async with super().transaction() as conn:
            yield conn


async def test_it_asks_the_database_only_when_there_is_something_to_do(scene: Scene) -> None:
    counting = CountingDatabase(scene.database.dsn)
    async with scene.probing(), scene.dispatching(database=counting):
        await scene.receive(*((f"evt_{n}", f"sub_{n}") for n in range(40)))
        await scene.all_settled(40)
    # A start and its notification: mark it started, inbox, claim. Fewer when notifications come
    # together. A loop that never rests makes thousands in this time.
    assert 3 < counting.transactions + counting.statements < 40 * 4
    await counting.close()


async def test_one_that_has_nothing_to_do_asks_for_everything_in_one_statement(
    scene: Scene,
) -> None:
    counting = CountingDatabase(scene.database.dsn)
    async with scene.dispatching(database=counting, poll_seconds=0.05):
        await until(lambda: _true(counting.statements > 3), "it has begun")
        before = counting.transactions
        await until(lambda: _true(counting.statements > 23), "it has looked often")
        # It watches over sagas beside, every five seconds; before, each look took five.
        assert counting.transactions - before <= 5
    await counting.close()


async def _true(what: bool) -> bool:
    return what
