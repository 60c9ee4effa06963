"""A person takes a document back on the day that it is in its legal entity, and never before what
is taken back."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import BooksPolicy, EntityBooks, TenantPolicy
from canonical_models.records import RecordState
from persistence.database import Database
from planning.term import local_day
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems, refused
from tests.harness.waiting import until

#: Its day begins fourteen hours before that of UTC.
FIRST = "Pacific/Kiritimati"
#: Its day begins eleven hours after that of UTC.
LAST = "Pacific/Niue"

OWN = {
    "the tenant's": TenantPolicy(time_zone=FIRST),
    "the entity's": TenantPolicy(
        time_zone=LAST, books=BooksPolicy(entities={"LE-DE": EntityBooks(time_zone=FIRST)})
    ),
}


@pytest.fixture(params=[*OWN.values()], ids=[*OWN])
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    """In the zone of the legal entity, or else of the tenant."""
    async with sagas_at_work(temporal.client, database, Systems(policy=request.param)) as working:
        yield working


async def undone(sagas: Sagas, as_of: datetime) -> date:
    """The date of the undo of a document that was posted at that moment of billing's clock."""
    now = subscription(item("pro", 5), as_of=as_of)
    issued = invoice(line("il_1", 20000), issued_at=as_of)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(now, issued)
    sagas.systems.script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")

    async def posted() -> bool:
        return (await sagas.record("in_1")).state is RecordState.POSTED

    await until(posted, "the books go on meanwhile")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"
    (day,) = sagas.systems.erp.reversed_on
    return day


async def test_today_where_the_books_are_kept(sagas: Sagas) -> None:
    before = datetime.now(UTC)
    day = await undone(sagas, before - timedelta(days=40))
    assert local_day(before, FIRST) <= day <= local_day(datetime.now(UTC), FIRST)


async def test_not_before_the_document(sagas: Sagas) -> None:
    """A customer in a sandbox lives by a clock that is ahead."""
    later = datetime.now(UTC) + timedelta(days=400)
    assert await undone(sagas, later) == local_day(later, FIRST)
