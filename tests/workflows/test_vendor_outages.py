"""A vendor that is away or slow, behind its governor: work waits in the engine, nobody is asked but
once for the connection, and it ends by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import VENDOR_AWAY
from canonical_models.failures import TransientFailure
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from connectors.breaker import State
from connectors.governor import SOON, Governor
from dispatch.breakers import SharedBreakers
from persistence import exceptions
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.script import Script
from tests.harness.systems import Systems
from tests.harness.waiting import until
from workflows.policies import queue_of

pytestmark = pytest.mark.slow


@dataclass
class Governed(Script):
    """Each call passes the governor of its system, as those over HTTP do. Systems that are `away`
    do not answer; a call that `holds` does not end before that is set."""

    governors: dict[str, Governor] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[None]:
        system = name.partition(".")[0]
        async with self.governors[system].call(system, writes=True) as call:
            self.tried.append(name)
            if system in self.away:
                call.unreachable("ConnectError")
                raise TransientFailure(f"{system} cannot be reached", system=system)
            if name in self.holds:
                await self.holds[name].wait()
            async with super().call(name):
                call.answered(200)
                yield


@dataclass
class Story:
    sagas: Sagas
    script: Governed
    shared: SharedBreakers

    async def look(self) -> None:
        """What the worker does every second; here the next question to the vendor is always due."""
        while True:
            await self.shared.poll()
            async with self.sagas.database.transaction() as conn:
                await conn.execute("update breakers set probe_at = now()")
            await asyncio.sleep(0.1)

    async def questions(
        self, state: ExceptionState | None = ExceptionState.OPEN
    ) -> tuple[ExceptionView, ...]:
        async with self.sagas.database.transaction() as conn:
            return await exceptions.page(conn, "acme", state=state)


@pytest.fixture
async def story(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Story]:
    script = Governed(governors={name: Governor(name) for name in ("billing", "erp", "support")})
    systems = Systems(script)
    systems.tenant = replace(systems.tenant, governors=script.governors)
    shared = SharedBreakers(
        database,
        {("acme", name): governor for name, governor in script.governors.items()},
        away_minutes=0,
    )
    async with sagas_at_work(temporal.client, database, systems) as sagas:
        yield Story(sagas, script, shared)


@pytest.mark.parametrize("system", ["erp", "billing", "support"])
async def test_an_outage_ends_without_a_person_and_asks_once(story: Story, system: str) -> None:
    story.script.away = {system}
    looking = asyncio.create_task(story.look())
    sagas = [await story.sagas.sell(number) for number in range(1, 4)]

    async def asked() -> bool:
        return bool(await story.questions())

    await until(asked, f"a question about {system}")
    (question,) = await story.questions()
    assert (question.code, question.subject) == (VENDOR_AWAY, system)

    story.script.away = set()
    async with asyncio.timeout(60):
        assert [(await saga.result()).outcome for saga in sagas] == ["completed"] * 3

    async def answered() -> bool:
        return not await story.questions()

    await until(answered, "the question has closed by itself")
    looking.cancel()
    assert [found.code for found in await story.questions(None)] == [VENDOR_AWAY]
    assert story.script.governors[system].breaker.state is State.CLOSED
    posted = [document.external_id for document in story.sagas.systems.erp.documents]
    assert sorted(posted) == ["in_1", "in_2", "in_3"]


async def test_what_waits_for_a_slow_vendor_is_not_begun(story: Story) -> None:
    """With a slot for each, all of them would have written at once."""
    held = story.script.holds["erp.post"] = asyncio.Event()
    sagas = [await story.sagas.sell(number) for number in range(1, 13)]

    async def given() -> bool:
        return len(story.sagas.systems.support.shown) == 12

    await until(given, "access is given meanwhile")
    assert 1 <= story.script.tried.count("erp.post") <= story.script.governors["erp"].limiter.limit
    held.set()
    async with asyncio.timeout(60):
        assert [(await saga.result()).outcome for saga in sagas] == ["completed"] * 12
    assert story.script.tried.count("erp.post") == 12


async def queues_of(saga: Handle, activity: str) -> list[str]:
    """The task queues that the activity was given to: none while its saga did it at hand."""
    history = await saga.fetch_history()
    scheduled = [each.activity_task_scheduled_event_attributes for each in history.events]
    return [each.task_queue.name for each in scheduled if each.activity_type.name == activity]


@pytest.mark.parametrize("seconds", [0.1, 4.0])
async def test_a_slow_erp_is_posted_to_from_its_queue_and_once(
    story: Story, seconds: float
) -> None:
    """Where its writes take long none is made in the saga's own task; all else goes on there."""
    limiter = story.script.governors["erp"].limiter
    limiter.answered(seconds, turn=limiter.turn, full=False, writes=True)
    saga = await story.sagas.sell(1)
    assert (await saga.result()).outcome == "completed"

    queue = queue_of(story.sagas.task_queue, "acme", "erp")
    given = await queues_of(saga, "books.post_document")
    assert given == ([queue] if seconds > SOON else [])
    for step in ("amendment.prepare", "amendment.entitle", "amendment.settle"):
        assert await queues_of(saga, step) == []
    assert story.script.tried.count("erp.post") == 1
    assert [made.external_id for made in story.sagas.systems.erp.documents] == ["in_1"]
