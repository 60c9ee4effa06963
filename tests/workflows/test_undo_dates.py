"""An undo is dated where the contract was signed, and never before what it takes back."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import TenantPolicy
from persistence.database import Database
from planning.term import local_day
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import item, line, snapshot, subscription
from tests.harness.systems import Systems, refused

#: Its day begins fourteen hours before that of UTC.
FIRST = "Pacific/Kiritimati"


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    policy = TenantPolicy(time_zone=FIRST)
    async with sagas_at_work(temporal.client, database, Systems(policy=policy)) as working:
        yield working


async def undone(sagas: Sagas, as_of: datetime) -> date:
    """The date of the undo of a document that was posted at that moment of billing's clock."""
    now = subscription(item("pro", 5), as_of=as_of)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(now, line("il_1", 20000))
    sagas.systems.script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"
    (day,) = sagas.systems.erp.reversed_on
    return day


async def test_today_where_the_contract_was_signed(sagas: Sagas) -> None:
    before = datetime.now(UTC)
    day = await undone(sagas, before - timedelta(days=40))
    assert local_day(before, FIRST) <= day <= local_day(datetime.now(UTC), FIRST)


async def test_not_before_the_document(sagas: Sagas) -> None:
    """A customer in a sandbox lives by a clock that is ahead."""
    later = datetime.now(UTC) + timedelta(days=400)
    assert await undone(sagas, later) == local_day(later, FIRST)
