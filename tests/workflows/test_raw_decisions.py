"""What is sent to a workflow itself, as from the Temporal Web UI, passes the checks of the other
doors, leaves a row, and decides what operations may decide and no more."""

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from canonical_models.decisions import DecisionView, Door, Entrance, Outcome, Target, of_exception
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.views import ExceptionView
from persistence import decisions
from tests.harness.deciding import kept
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import ACCOUNT, ITEMS, invoice, item, line, snapshot, subscription
from tests.harness.systems import refused
from tests.harness.waiting import until
from workflows.names import DECIDE, RESOLVE, STATUS

FIRST = snapshot(subscription(item("pro", 5)), invoice(line("il_1", 5000), key="in_1"))
NOT_THEIRS: dict[str, dict[str, Any]] = {
    "another customer": {
        "action": Action.CORRECT,
        "account": ACCOUNT.model_copy(update={"billing_customer": "cus_other"}),
    },
    "the account": {"action": Action.CORRECT, "account": ACCOUNT},
    "an item": {"action": Action.CORRECT, "item": ITEMS["pro"]},
    "a document": {
        "action": Action.CORRECT,
        "document": DocumentCorrection(document_id="in_1", tax_code="DE-RC"),
    },
    "an abort": {"action": Action.ABORT},
}


async def waiting(sagas: Sagas) -> tuple[Handle, ExceptionView]:
    """Finance is asked: the period is closed."""
    sagas.systems.billing.snapshots["sub_1"] = FIRST
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    return handle, await sagas.exception("chg_1")


async def made(sagas: Sagas, exception_id: str) -> list[tuple[str, Door, str, Outcome | None]]:
    async with sagas.database.statement() as conn:
        found = await decisions.on(conn, "acme", Target.EXCEPTION, exception_id)
    return [(row.action, row.door, row.by, row.outcome) for row in found]


async def details(handle: Handle) -> str:
    described: Any = await handle.query("__temporal_workflow_metadata")
    return str(described.current_details)


def raw(exception_id: str, **said: Any) -> Resolution:
    return Resolution.model_validate({"exception_id": exception_id, "by": "olu", **said})


@pytest.mark.parametrize("door", [RESOLVE, DECIDE])
async def test_operations_has_it_tried_again(sagas: Sagas, door: str) -> None:
    handle, asked = await waiting(sagas)
    decision = raw(asked.exception_id, action=Action.RETRY, note="the period is open")
    if door == RESOLVE:
        await handle.execute_update(RESOLVE, decision)
    else:
        await handle.signal(DECIDE, decision)
    assert (await handle.result()).outcome == "completed"
    assert await made(sagas, asked.exception_id) == [("retry", "web_ui", "olu", "taken")]


@pytest.mark.parametrize("door", [RESOLVE, DECIDE])
@pytest.mark.parametrize("said", NOT_THEIRS.values(), ids=NOT_THEIRS)
async def test_mappings_and_money_are_not_decided_there(
    sagas: Sagas, door: str, said: dict[str, Any]
) -> None:
    handle, asked = await waiting(sagas)
    decision = raw(asked.exception_id, **said)
    if door == RESOLVE:
        with pytest.raises(WorkflowUpdateFailedError) as told:
            await handle.execute_update(RESOLVE, decision)
        assert "operations decides" in str(told.value.cause)
        assert "by the API or the command line" in str(told.value.cause)
    else:
        await handle.signal(DECIDE, decision)

    async def shown() -> bool:
        return "**Not taken:**" in await details(handle)

    await until(shown, "the Web UI says that it was not taken")
    assert (await handle.query(STATUS)).stage == "waiting"
    assert await made(sagas, asked.exception_id) == []
    assert (await sagas.exception_of(asked.exception_id)).state == "open"
    assert (await sagas.record("in_1")).correction is None
    # It is asked as before, and takes what may be decided.
    await sagas.resolve(handle, asked.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_who_decided_by_another_door_was_first(sagas: Sagas) -> None:
    handle, asked = await waiting(sagas)
    first = Resolution(exception_id=asked.exception_id, action=Action.ABORT, by="fay")
    await kept(sagas.database, "acme", first)
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await handle.execute_update(RESOLVE, raw(asked.exception_id, action=Action.RETRY))
    assert "fay has decided `abort`" in str(told.value.cause)
    await handle.execute_update(RESOLVE, first)
    assert (await handle.result()).outcome == "compensated"
    assert await made(sagas, asked.exception_id) == [("abort", "api", "fay", "taken")]


async def test_what_is_kept_cannot_be_sent_otherwise(sagas: Sagas) -> None:
    """Another text under the name of who has decided is another decision."""
    handle, asked = await waiting(sagas)
    first = Resolution(exception_id=asked.exception_id, action=Action.RETRY, by="fay")
    await kept(sagas.database, "acme", first)
    forged = first.model_copy(update={"action": Action.CORRECT, "item": ITEMS["pro"]})
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update(RESOLVE, forged)
    await handle.execute_update(RESOLVE, first)
    assert (await handle.result()).outcome == "completed"


async def test_a_row_is_kept_as_it_was_made(sagas: Sagas) -> None:
    handle, asked = await waiting(sagas)
    row = await recorded(sagas, asked)
    for statement in (
        "update decisions set decided_by = 'the-cfo' where id = %s",
        "update decisions set outcome = null, delivered_at = null where id = %s",
        "delete from decisions where id = %s",
    ):
        with pytest.raises(Exception, match="is kept as it was made"):
            async with sagas.database.transaction() as conn:
                await conn.execute(statement.encode(), (row.decision_id,))
    await handle.terminate()


async def recorded(sagas: Sagas, asked: ExceptionView) -> DecisionView:
    decision = raw(asked.exception_id, action=Action.RETRY)
    async with sagas.database.transaction() as conn:
        return await decisions.record(conn, "acme", Entrance(), of_exception(asked, decision))
