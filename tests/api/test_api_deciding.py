"""Decisions, cancellation and signals reach the real saga on a real Temporal server."""

from datetime import timedelta
from functools import partial

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from operations import engine
from operations.context import AppContext
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.stuck import MENDED, at_temporal, stuck
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems as Vendors
from tests.harness.waiting import until


@pytest.fixture
def context(
    database: Database, temporal: WorkflowEnvironment, tenant_settings: TenantSettings
) -> AppContext:
    return at_temporal(database, temporal.client, tenant_settings)


async def test_a_correction_is_taken_once_and_the_saga_goes_on(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    path = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    decision = {"action": "correct", "item": MENDED, "note": "was forgotten"}

    taken = await call("POST", path, "exceptions:write", "mappings:write", json=decision)
    assert taken.status_code == 200, taken.text
    assert not taken.json()["already"]
    assert taken.json()["exception"]["resolved_by"] == "desk"
    assert (await waiting.handle.result()).outcome == "completed"

    again = await call("POST", path, "exceptions:write", "mappings:write", json=decision)
    assert again.status_code == 200
    assert again.json()["already"]
    other = await call("POST", path, "exceptions:write", json={"action": "abort"})
    assert other.status_code == 409
    assert "`correct` by desk" in other.json()["detail"]
    assert other.json()["facts"]["decision_id"] == taken.json()["decision"]["decision_id"]

    shown = (await call("GET", f"/v1/changes/{waiting.change_id}")).json()
    assert [effect["state"] for effect in shown["effects"]] == ["confirmed"] * 4
    assert shown["words"].startswith("Every system agrees")
    (proven,) = shown["proof"]["documents"]
    invoice = (await call("GET", f"/v1/invoices/{waiting.document_id}")).json()["summary"]
    assert invoice["erp"]["number"] == proven["number"]
    assert (invoice["change_id"], invoice["difference"]["gross"]["minor"]) == (waiting.change_id, 0)


async def test_an_abort_undoes_the_change(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    path = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    assert (await call("POST", path, json={"action": "abort"})).status_code == 200
    # Access is given at once, so there was something to take back.
    assert (await waiting.handle.result()).outcome == "compensated"
    assert await sagas.grants(waiting.subscription_id) == ()
    # Another tenant cannot even ask whether there is such an exception.
    assert (await call("POST", path, tenant="globex", json={"action": "abort"})).status_code == 404


async def test_a_cancelled_change_is_undone_and_stays_so(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    path = f"/v1/changes/{waiting.change_id}/cancel"
    assert (await call("POST", path, "changes:write")).json()["how"] == "requested"
    with pytest.raises(WorkflowFailureError):
        await waiting.handle.result()
    assert (await sagas.change(waiting.change_id)).outcome == "compensated"
    assert (await call("POST", path, "changes:write")).json()["how"] == "already"
    resolve = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    assert (await call("POST", resolve, json={"action": "retry"})).status_code == 409


async def test_a_signal_decides_as_well(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    signal = f"/v1/changes/{waiting.change_id}/signal"
    decision = {
        "exception_id": waiting.exception.exception_id,
        "action": "correct",
        "item": MENDED,
    }
    sent = await call("POST", signal, json={"name": "decide", "payload": decision})
    assert sent.status_code == 200, sent.text
    assert (await waiting.handle.result()).outcome == "completed"
    gone = await call("POST", signal, json={"name": "newer_change"})
    assert gone.status_code == 409


@pytest.mark.parametrize(
    "given",
    [
        {"name": "decide"},
        {"name": "decide", "payload": [1]},
        {"name": "decide", "payload": {"action": "explode"}},
        {"name": "__stack_trace"},
        {"name": ""},
        {"payload": {}},
    ],
)
async def test_a_signal_that_no_saga_could_read_is_refused(
    given: dict[str, object], call: Call, acme: Ids
) -> None:
    answer = await call("POST", f"/v1/changes/{acme.change('waits')}/signal", json=given)
    assert answer.status_code == 422
    assert "explode" not in answer.text


async def test_what_is_decided_of_a_saga_that_is_gone_is_taken_by_its_next_run(
    call: Call, sagas: Sagas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TAKEN", timedelta(milliseconds=100))
    waiting = await stuck(sagas)
    await waiting.handle.terminate()
    path = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    decision = {"action": "correct", "item": MENDED}
    kept = await call("POST", path, json=decision)
    assert kept.status_code == 202
    assert kept.json()["decision"]["outcome"] is None

    again = await sagas.again(waiting.change_id, waiting.subscription_id, tenant="acme")

    async def completed() -> bool:
        # What the dispatcher's look every second does.
        async with sagas.database.transaction() as conn:
            await conn.execute(b"notify trueup_decisions")
        return (await sagas.change(waiting.change_id)).outcome == "completed"

    await until(completed, "the next run has taken it", seconds=20)
    assert (await again.result()).outcome == "completed"
    shown = (await call("GET", path.removesuffix("/resolve"))).json()["decided"]
    assert [(made["action"], made["outcome"]) for made in shown] == [("correct", "taken")]


async def test_without_a_worker_the_wait_has_an_end(
    call: Call,
    temporal: WorkflowEnvironment,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "TAKEN", timedelta(milliseconds=400))
    async with sagas_at_work(temporal.client, database, Vendors()) as sagas:
        waiting = await stuck(sagas)
    path = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    answer = await call("POST", path, json={"action": "retry"})
    assert answer.status_code == 202
    assert answer.json()["decision"]["outcome"] is None
    assert answer.json()["exception"]["state"] == "open"
    words = (await call("GET", f"/v1/changes/{waiting.change_id}")).json()["words"]
    assert words.startswith("retry by desk is being handed over")
    await waiting.handle.terminate()


async def test_a_change_not_begun_is_cancelled_without_temporal(call: Call, acme: Ids) -> None:
    path = f"/v1/changes/{acme.change('next')}/cancel"
    assert (await call("POST", path, "changes:write")).json()["how"] == "settled"
    assert (await call("POST", path, "changes:write")).json()["how"] == "already"
    shown = (await call("GET", f"/v1/changes/{acme.change('next')}")).json()["change"]
    assert (shown["state"], shown["outcome"]) == ("settled", "cancelled")
    assert shown["summary"] == "cancelled by desk before it began"
    told = (await call("GET", "/v1/events")).json()["items"]
    assert told[-1]["type"] == "io.trueup.sync.compensated.v1"
    done = await call("POST", f"/v1/changes/{acme.change('done')}/cancel", "changes:write")
    assert done.status_code == 409


async def test_a_change_is_held_and_released(call: Call, acme: Ids) -> None:
    path = f"/v1/changes/{acme.change('next')}"
    given = {"reason": "the books are being moved"}
    held = (await call("POST", f"{path}/hold", "changes:write", json=given)).json()
    assert (held["held"], held["already"]) == (True, False)
    again = await call("POST", f"{path}/hold", "changes:write", json=given)
    assert again.json()["already"]
    shown = (await call("GET", path)).json()
    assert shown["change"]["held"]
    assert "until it is released" in shown["words"]
    assert [step["what"] for step in shown["timeline"]][-1] == (
        "hold of change by desk, by the API"
    )

    released = (await call("POST", f"{path}/release", "changes:write")).json()
    assert (released["held"], released["already"]) == (False, False)
    told = [event["type"] for event in (await call("GET", "/v1/events")).json()["items"]]
    assert told[-2:] == ["io.trueup.sync.held.v1", "io.trueup.sync.released.v1"]
    done = await call(
        "POST", f"/v1/changes/{acme.change('done')}/hold", "changes:write", json=given
    )
    assert done.status_code == 409


async def test_a_held_document_no_longer_keeps_its_saga_waiting(call: Call, sagas: Sagas) -> None:
    """The dispatcher tells the saga of the change that the decision asks for."""
    waiting = await stuck(sagas)
    path = f"/v1/invoices/{waiting.document_id}/hold"
    held = await call("POST", path, "invoices:decide", json={"reason": "not ours"})
    assert held.status_code == 200, held.text
    signal = f"/v1/changes/{waiting.change_id}/signal"
    assert (await call("POST", signal, json={"name": "newer_change"})).status_code == 200
    assert (await waiting.handle.result()).outcome == "completed"
    (row,) = (await call("GET", "/v1/differences")).json()["items"]
    assert (row["key"], row["cause"], row["by"]) == (waiting.document_id, "held", "desk")


async def test_a_correction_of_a_document_is_taken_by_its_saga(
    call: Call, sagas: Sagas, database: Database
) -> None:
    """It does not mend what the saga waits for, which therefore asks again: the same once more is
    then another decision."""
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    document = {"document_id": waiting.document_id, "tax_code": "DE-RC", "by": "the-cfo"}
    decision = {"action": "correct", "document": document}
    taken = await call("POST", f"/v1/exceptions/{key}/resolve", json=decision)
    assert taken.status_code == 200, taken.text

    async def failed(times: int) -> bool:
        shown = await call("GET", f"/v1/exceptions/{key}")
        return [line["what"] for line in shown.json()["history"]].count("failed_again") == times

    for times in (1, 2):
        await until(partial(failed, times), "it has failed again")
        again = await call("POST", f"/v1/exceptions/{key}/resolve", json=decision)
        assert again.status_code == 200, again.text
        assert not again.json()["already"]
    record = await sagas.record(waiting.document_id)
    assert record.correction is not None
    assert (record.correction.tax_code, record.correction.by) == ("DE-RC", "desk")
    await waiting.handle.terminate()


async def test_a_signal_cannot_say_whose_correction_it_is(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    document = {"document_id": waiting.document_id, "posting_date": "2026-12-01", "by": "the-cfo"}
    key = waiting.exception.exception_id
    decision = {"exception_id": key, "action": "correct", "document": document}
    signal = f"/v1/changes/{waiting.change_id}/signal"
    sent = await call("POST", signal, json={"name": "decide", "payload": decision})
    assert sent.status_code == 200, sent.text

    async def corrected() -> bool:
        return (await sagas.record(waiting.document_id)).correction is not None

    await until(corrected, "the correction is kept")
    correction = (await sagas.record(waiting.document_id)).correction
    assert correction is not None
    assert correction.by == "desk"
    await waiting.handle.terminate()
