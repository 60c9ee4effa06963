"""A process that has seen much goes on in a new run, and does what it would have done."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.amendment import ChangeKind
from canonical_models.process import ProcessKind
from tests.harness.lives import Life, skipping_server
from tests.harness.waiting import until
from tests.lives.test_lives_dunning import unpaid
from tests.lives.test_lives_entitlement import by_hand, given
from workflows.names import NEWS

_KEYS = {
    ProcessKind.DUNNING: "in_1",
    ProcessKind.RENEWAL: "sub_1",
    ProcessKind.ENTITLEMENT: "cus_1/app",
}


@pytest.fixture(scope="module")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """In place of the one of all lives: a server for which forty events are a long history."""
    async with skipping_server("limit.historyCount.suggestContinueAsNew=40") as environment:
        yield environment


async def run_of(life: Life, kind: ProcessKind) -> str:
    description = await life.handle(kind, _KEYS[kind]).describe()
    assert description.run_id is not None
    return description.run_id


async def test_every_process_goes_on_in_a_new_run(life: Life) -> None:
    await unpaid(life)
    # Without an end to wait for, the entitlement process would be over already.
    now = datetime.now(UTC)
    await given(life, by_hand("beta", now, now + timedelta(days=30)))
    await life.quiet()

    for kind, key in _KEYS.items():
        first = await run_of(life, kind)

        async def another(kind: ProcessKind = kind, key: str = key, first: str = first) -> bool:
            await life.handle(kind, key).signal(NEWS)
            return await run_of(life, kind) != first

        await until(another, f"a new run of {kind.value}", seconds=30)

    life.pay("in_1")
    await life.look(ChangeKind.PAYMENT)
    assert (await life.stage("in_1", "closed")).outcome == "paid"
    assert await life.handle(ProcessKind.DUNNING, "in_1").result() == "closed: paid"
