"""A vendor that answers otherwise than its contract says: the work waits, people are asked once for
the connection, and all of it goes on by itself when the answers fit again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import CONTRACT_CHANGED
from canonical_models.failures import ContractDrift
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from connectors.contracts import Contract, watched
from dispatch.drifting import SharedContracts
from persistence import exceptions
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.script import Script
from tests.harness.systems import Systems
from tests.harness.waiting import until

pytestmark = pytest.mark.slow

CUSTOMERS = 4


@dataclass
class Changed(Script):
    """What these calls answer cannot be read; `happened` is whether they were carried out."""

    otherwise: set[str] = field(default_factory=set)
    happened: bool = False

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[None]:
        async with super().call(name):
            if name not in self.otherwise:
                yield
                return
            if self.happened:
                yield
            raise ContractDrift(
                f"the answer to {name} does not fit its contract at $.id",
                system=name.partition(".")[0],
                payload_path="$.id",
                operation=f"GET {name}",
                change="was a whole number and is text now",
            )


@dataclass
class Story:
    sagas: Sagas
    script: Changed
    shared: SharedContracts

    async def look(self) -> None:
        while True:
            await self.shared.poll()
            await asyncio.sleep(0.1)

    async def questions(
        self, state: ExceptionState | None = ExceptionState.OPEN
    ) -> tuple[ExceptionView, ...]:
        async with self.sagas.database.transaction() as conn:
            return await exceptions.page(conn, "acme", state=state)


@pytest.fixture
async def story(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Story]:
    script = Changed()
    systems = Systems(script)
    contracts = {name: Contract(name) for name in ("billing", "erp", "support")}
    systems.tenant = replace(
        systems.tenant,
        billing=watched(systems.tenant.billing, contracts["billing"]),
        erp=watched(systems.tenant.erp, contracts["erp"]),
        support=watched(systems.tenant.support, contracts["support"]),
    )
    shared = SharedContracts(database, {("acme", name): one for name, one in contracts.items()})
    async with sagas_at_work(temporal.client, database, systems) as sagas:
        yield Story(sagas, script, shared)


@pytest.mark.parametrize(
    ("call", "happened"),
    [("billing.snapshot", False), ("erp.post", True), ("support.publish", False)],
)
async def test_the_work_waits_one_question_is_asked_and_nothing_is_lost_or_doubled(
    story: Story, call: str, happened: bool
) -> None:
    story.script.otherwise, story.script.happened = {call}, happened
    looking = asyncio.create_task(story.look())
    sagas = [await story.sagas.sell(number) for number in range(1, CUSTOMERS + 1)]
    system = call.partition(".")[0]

    async def asked() -> bool:
        found = await story.questions()
        return bool(found)

    # What was done though its answer could not be read is found by the next try: nobody is needed.
    if not happened:
        await until(asked, f"a question about {system}")
        (question,) = await story.questions()
        assert (question.code, question.subject) == (CONTRACT_CHANGED, system)
        assert f"GET {call}: $.id was a whole number and is text now" in question.message
        story.script.otherwise = set()
    async with asyncio.timeout(90):
        assert [(await saga.result()).outcome for saga in sagas] == ["completed"] * CUSTOMERS

    if not happened:

        async def answered() -> bool:
            return not await story.questions()

        await until(answered, "the question has closed by itself")
    looking.cancel()
    assert {found.code for found in await story.questions(None)} <= {CONTRACT_CHANGED}
    posted = [document.external_id for document in story.sagas.systems.erp.documents]
    assert sorted(posted) == [f"in_{number}" for number in range(1, CUSTOMERS + 1)]
