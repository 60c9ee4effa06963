"""An ERP that wants one to post for a legal entity at a time, and two workers."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from canonical_models.ledgering import DocumentDraft, ErpDocument
from connectors.attempts import Attempt
from dispatch.lanes import Lanes
from persistence import lanes
from persistence.database import Database
from tests.harness.sagas import sagas_at_work
from tests.harness.script import Script
from tests.harness.scripted_erp import Erp
from tests.harness.systems import Systems
from tests.harness.waiting import until
from workflows.policies import LINE, LONG_TRY

DE, US = ("acme", "LE-DE"), ("acme", "LE-US")


@dataclass
class PostingErp(Erp):
    """Answers nothing before documents of two legal entities are being posted side by side."""

    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    two: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        entity = draft.legal_entity
        self.now[entity] += 1
        self.most[entity] = max(self.most[entity], self.now[entity])
        if len(self.most) > 1:
            self.two.set()
        try:
            await self.two.wait()
            return await super().post(draft, attempt=attempt)
        finally:
            self.now[entity] -= 1


@pytest.mark.slow
async def test_one_posts_for_an_entity_and_no_entity_waits_for_another(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    systems = Systems(Script(seconds=0.02))
    erp = systems.erp = PostingErp(systems.script)
    systems.tenant = replace(systems.tenant, erp=erp, one_writer=True)
    # As another process: one connection to Temporal has one worker of a queue.
    other = await Client.connect(
        temporal.client.service_client.config.target_host,
        data_converter=temporal.client.data_converter,
    )
    async with (
        sagas_at_work(temporal.client, database, systems) as sagas,
        replace(sagas, client=other).worker(),
    ):
        # With slots of the ERP in common, the first would take all of them before the others come.
        sold = [await sagas.sell(number, "LE-DE") for number in range(80)]
        sold += [await sagas.sell(number, "LE-US") for number in range(80, 84)]
        async with asyncio.timeout(120):
            assert {(await saga.result()).outcome for saga in sold} == {"completed"}
        posting = [
            event.activity_task_scheduled_event_attributes
            async for event in sold[0].fetch_history_events()
            if event.activity_task_scheduled_event_attributes.activity_type.name
            == "books.post_document"
        ]
    assert erp.most == {"LE-DE": 1, "LE-US": 1}
    (scheduled,) = posting
    assert scheduled.task_queue.name == f"{sagas.task_queue}/acme/erp/LE-DE"
    assert scheduled.start_to_close_timeout.ToTimedelta() == LONG_TRY + LINE


@activity.defn
async def nothing() -> None:
    """A worker needs an activity."""


def holding(client: Client, database: Database, name: str, build: str = "1") -> Lanes:
    def make(tenant: str, entity: str) -> Worker:
        return Worker(client, task_queue=f"{name}/{tenant}/{entity}", activities=[nothing])

    return Lanes(database, make, tenants=["acme"], build=build, name=name)


async def need(database: Database, *keys: tuple[str, str]) -> None:
    async with database.statement() as conn:
        for key in keys:
            await lanes.needed(conn, *key)


async def holds(one: Lanes, *keys: tuple[str, str]) -> None:
    async def held() -> bool:
        return one.held == set(keys)

    await until(held, f"{keys} are held", seconds=30)


async def test_a_lane_has_one_holder_and_passes_on_when_it_stops(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    await need(database, DE, US, ("other", "LE-DE"))
    second = holding(temporal.client, database, "second")
    async with holding(temporal.client, database, "first") as first:
        await holds(first, DE, US)
        async with second:
            await second.poll()
            assert second.held == frozenset()
            async with database.statement() as conn:
                shown = await lanes.of_tenant(conn, "acme")
            assert [(lane.entity, lane.holder.partition("/")[0]) for lane in shown] == [
                ("LE-DE", "first"),
                ("LE-US", "first"),
            ]
            # It has died, or stands still: it says no more that it holds them.
            async with database.statement() as conn:
                await conn.execute("update lanes set until = now() - interval '1 second'")
            await second.poll()
            assert second.held == {DE, US}
            await holds(first)
    async with holding(temporal.client, database, "third") as third:
        await holds(third, DE, US)


async def test_each_build_has_lanes_of_its_own(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    """A run that is pinned to a build posts by its workers."""
    await need(database, DE)
    async with (
        holding(temporal.client, database, "old") as old,
        holding(temporal.client, database, "new", build="2") as new,
    ):
        await holds(old, DE)
        await holds(new, DE)
