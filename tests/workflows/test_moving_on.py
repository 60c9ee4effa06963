"""A saga that waits for people goes on in the version of the worker that is current now, and loses
neither what it asked nor what it has done."""

from collections.abc import AsyncIterator

import pytest
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.contracts.amendment import Settled
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from persistence.database import Database
from runtime.versions import Deployment, NotDeployed
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems, refused
from tests.harness.waiting import until
from workflows.names import EXCEPTION, STAGE, STATUS, Status

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_2", 7500), key="in_2")
PERIOD = refused(RejectionCode.PERIOD_CLOSED)
SUPPORT = refused(RejectionCode.SUPPORT_REFUSED, "support")


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    """`starter` was agreed, by a worker of version 1; `pro` has been bought since."""
    async with sagas_at_work(temporal.client, database, Systems(), build="1") as working:
        sold = subscription(item("starter", 5, 1000))
        working.systems.billing.snapshots["sub_1"] = snapshot(sold, FIRST)
        assert (await working.finish("chg_0")).outcome == "completed"
        now = subscription(item("pro", 5))
        working.systems.billing.snapshots["sub_1"] = snapshot(now, FIRST, SECOND)
        yield working


async def moved(sagas: Sagas, handle: Handle) -> Handle:
    """What waits goes on in version 2; the worker of version 1 is there still."""
    deployment = Deployment(sagas.client, sagas.task_queue)
    before = (await sagas.client.get_workflow_handle(handle.id).describe()).run_id

    async def promoted() -> bool:
        try:
            await deployment.promote("2")
        except NotDeployed:  # its worker has not been seen on all queues yet
            return False
        return True

    async def waits_in_another_run() -> bool:
        found = await sagas.client.get_workflow_handle(handle.id).describe()
        waits = found.typed_search_attributes.get(STAGE) == "waiting"
        return found.run_id != before and waits

    await until(promoted, "version 2 is current")
    await until(lambda: open_on(deployment, "1"), "the saga is seen on version 1")
    assert await deployment.move_on("1") == 1
    await until(waits_in_another_run, "the saga waits in a run of its own")
    await until(lambda: open_on(deployment, "2"), "that run is on version 2")
    return sagas.client.get_workflow_handle(handle.id, result_type=Settled)


async def open_on(deployment: Deployment, build: str) -> bool:
    return await deployment.open_runs(build) == 1


async def test_its_questions_stay_and_are_answered_there(sagas: Sagas) -> None:
    faults = sagas.systems.script.faults
    faults["erp.post"] = [PERIOD]
    faults["support.publish"] = [SUPPORT]
    handle = await sagas.start("chg_1")
    asked = {step: await sagas.exception("chg_1", step=step) for step in ("books", "access")}
    # They would be refused for good.
    faults["erp.post"] = [PERIOD] * 9
    faults["support.publish"] = [SUPPORT] * 9
    async with sagas.worker("2"):
        again = await moved(sagas, handle)
        for step, first in asked.items():
            still = await sagas.exception("chg_1", step=step)
            assert (still.exception_id, still.due_at) == (first.exception_id, first.due_at)

        async def asked_again() -> bool:
            try:
                standing = await again.query(STATUS, result_type=Status)
            except RPCError:
                # The server gives up a question that it had put to the version that went.
                return False
            return bool(standing.exception_id == asked["books"].exception_id)

        await until(asked_again, "the books' question is asked there")
        faults.clear()
        # The other one answers itself, since all is tried again.
        await sagas.resolve(again, asked["books"].exception_id, Action.RETRY)
        assert (await again.result()).outcome == "completed"
        found = await again.describe()
        assert found.typed_search_attributes.get(EXCEPTION) is None
    assert len(sagas.systems.erp.documents) == 2


async def test_what_an_earlier_run_has_posted_is_taken_back(sagas: Sagas) -> None:
    faults = sagas.systems.script.faults
    faults["support.publish"] = [SUPPORT] * 9
    handle = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1", step="access")

    async def posted() -> bool:
        return len(sagas.systems.erp.documents) == 2

    await until(posted, "the books are right")
    async with sagas.worker("2"):
        again = await moved(sagas, handle)
        faults.clear()
        await sagas.resolve(again, asked.exception_id, Action.ABORT)
        assert (await again.result()).outcome == "compensated"
    assert (await sagas.record("in_2")).state.value == "reversed"
