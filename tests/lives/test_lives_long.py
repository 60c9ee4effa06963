"""A process that has seen much goes on in a new run, and nothing is forgotten."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.amendment import ChangeKind
from canonical_models.entitlement import Grant, GrantSource
from canonical_models.process import Process, ProcessKind
from canonical_models.term import DunningStage
from persistence import grants, processes
from persistence.database import Database
from tests.harness.lives import Life, living
from tests.harness.subscriptions import END, START, item, line, snapshot, subscription
from tests.harness.systems import Script, Systems, Target
from tests.harness.temporal import temporal_server
from tests.harness.waiting import until
from tests.lives.conftest import POLICY
from workflows.names import NEWS

ENTITLEMENT = Process(kind=ProcessKind.ENTITLEMENT, tenant="acme", key="cus_1", customer_id="cus_1")
BORROWED = Grant(
    customer_id="cus_1",
    feature="ai",
    source=GrantSource.MANUAL,
    source_id="grt_1",
    quantity=1,
    starts_at=datetime.now(UTC),
    ends_at=datetime.now(UTC) + timedelta(days=30),
    reason="goodwill",
)
#: Events after which the server says that a history is long.
_LONG = 40
_KEYS = {
    ProcessKind.DUNNING: "in_1",
    ProcessKind.RENEWAL: "sub_1",
    ProcessKind.ENTITLEMENT: "cus_1",
}


@pytest.fixture(scope="module")
async def impatient() -> AsyncIterator[WorkflowEnvironment]:
    tuning = (f"limit.historyCount.suggestContinueAsNew={_LONG}",)
    async with temporal_server(more_tuning=tuning) as environment:
        yield environment


@pytest.fixture
async def life(impatient: WorkflowEnvironment, database: Database) -> AsyncIterator[Life]:
    script = Script()
    systems = Systems(script, POLICY, {"app": Target(script, "app")})
    async with living(impatient, database, systems) as lived:
        yield lived


async def run_of(life: Life, kind: ProcessKind) -> str:
    description = await life.handle(kind, _KEYS[kind]).describe()
    assert description.run_id is not None
    return description.run_id


async def test_every_process_goes_on_in_a_new_run(life: Life) -> None:
    life.billing = snapshot(subscription(item("pro", 5)))
    charged = {"proration": False, "item_id": "si_1", "period_start": START, "period_end": END}
    life.bill("in_1", line("il_1", 20000).model_copy(update=charged), overdue=True)
    await life.look()
    await life.stage("in_1", DunningStage.GRACE.value)
    # Without an end to wait for, this process would be over already.
    async with life.database.work() as raw:
        await grants.give(raw, "acme", BORROWED, by="grt_1")
        await processes.news(raw, [ENTITLEMENT])
    await life.quiet()

    for kind, key in _KEYS.items():
        first = await run_of(life, kind)

        async def another(kind: ProcessKind = kind, key: str = key, first: str = first) -> bool:
            await life.handle(kind, key).signal(NEWS)
            return await run_of(life, kind) != first

        await until(another, f"a new run of {kind.value}", seconds=30)

    life.pay("in_1")
    await life.look(ChangeKind.PAYMENT)
    assert (await life.stage("in_1", DunningStage.CLOSED.value)).outcome == "paid"
    assert await life.handle(ProcessKind.DUNNING, "in_1").result() == "closed: paid"
