"""A tenant whose dispatcher and worker are at work, and what it has received."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from temporalio.client import Client

from activities import batch
from canonical_models.batch import Batch, BatchState, ItemOutcome
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.dispatcher import Dispatcher
from operations import batches
from operations.context import AppContext
from operations.engine import Engine
from runtime.settings import DispatchSettings
from tests.harness import flow
from tests.harness.sagas import Sagas, end_runs
from tests.harness.subscriptions import item, snapshot, subscription
from tests.harness.waiting import until
from tests.harness.webhooks import CONNECTION


@dataclass
class Bulk:
    sagas: Sagas
    context: AppContext

    async def sold(self, *numbers: int) -> None:
        """A subscription each, agreed on everywhere by the change of its first event."""
        for number in numbers:
            of = f"sub_{number}"
            self.sagas.systems.billing.snapshots[of] = snapshot(
                subscription(item("pro", 5, key=f"si_{number}"), subscription_id=of)
            )
        await self.received((f"evt_{number}", f"sub_{number}") for number in numbers)

    async def received(self, events: Iterable[tuple[str, str]]) -> None:
        """(event id, subscription), once the changes of all are settled."""
        told = list(events)
        await flow.receive_changes(self.sagas.database.dsn, told)

        async def settled() -> bool:
            states = await flow.states(self.sagas.database)
            return {states.get(event) for event, _ in told} <= {"completed", "no_change"}

        await until(settled, "all are settled", seconds=60)

    async def unreadable(self, *events: str) -> None:
        """Bodies that nobody can read."""
        await flow.receive(self.sagas.database.dsn, [(event, b"{}") for event in events])

        async def read() -> bool:
            statuses = await flow.statuses(self.sagas.database)
            return all(statuses.get(event) == "dead_lettered" for event in events)

        await until(read, "all are dead letters")

    async def look(self, batch_id: str) -> Batch:
        """As it stands, after its counts were held against its rows."""
        found = await batches.show(self.context, "acme", batch_id)
        async with self.sagas.database.transaction() as conn:
            await conn.execute("set transaction isolation level repeatable read")
            counted = await conn.execute(
                "select (select count(*) from batch_items where batch_id = %(id)s), "
                "(select coalesce(sum(n), 0) from (select count(*) as n from batch_items "
                "where batch_id = %(id)s group by outcome) counted), "
                "(select count(*) from batch_items where batch_id = %(id)s and reason is null "
                "and outcome in ('waits', 'set_aside', 'failed', 'needs_approval'))",
                {"id": batch_id},
            )
            row = await counted.fetchone()
        assert row is not None
        # Until the list is whole, it grows between the two looks.
        assert row[0] == row[1]
        assert found.total == row[0] or not found.listed
        assert row[2] == 0, "each that is not done says why"
        return found

    async def came_to(self, batch_id: str, state: BatchState, *, seconds: float = 100) -> Batch:
        """Looked at all the while."""

        async def there() -> bool:
            return (await self.look(batch_id)).state is state

        await until(there, f"{batch_id} is {state.value}", seconds=seconds, every=0.2)
        return await self.look(batch_id)

    async def count(self, batch_id: str, outcome: ItemOutcome, count: int) -> None:
        async def there() -> bool:
            return (await self.look(batch_id)).count(outcome) == count

        await until(there, f"{count} of {batch_id} are {outcome.value}", seconds=60, every=0.2)

    async def at_least(self, batch_id: str, outcome: ItemOutcome, count: int) -> None:
        """So many are, or it is at its end."""

        async def there() -> bool:
            found = await self.look(batch_id)
            return found.state is BatchState.ENDED or found.count(outcome) >= count

        await until(there, f"{count} of {batch_id} are {outcome.value}", seconds=60, every=0.2)

    async def replays(self) -> dict[str, int]:
        """How often each event was read again."""
        async with self.sagas.database.statement() as conn:
            found = await conn.execute("select event_id, replays from inbox")
            return {row[0]: row[1] for row in await found.fetchall()}


@asynccontextmanager
async def at_work(sagas: Sagas) -> AsyncIterator[Bulk]:
    translator = StripeWebhooks()

    async def client() -> Client:
        return sagas.client

    dispatcher = Dispatcher(
        DispatchSettings(in_flight=32, poll_seconds=0.2),
        sagas.database,
        sagas.client,
        {("acme", CONNECTION): translator},
        task_queue=sagas.task_queue,
    )
    engine = Engine(client, namespace="default", task_queue=sagas.task_queue)
    context = AppContext(sagas.database, engine, translators={("acme", CONNECTION): translator})
    task = asyncio.create_task(dispatcher.run())
    try:
        with pytest.MonkeyPatch.context() as patched:
            # How often what was handed over is looked at: nothing that is proven takes that long.
            patched.setattr(batch, "_LOOK_SECONDS", 0.2)
            yield Bulk(sagas, context)
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await end_runs(sagas.client, sagas.task_queue)
