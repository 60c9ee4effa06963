"""Processes are asked and decided, and the ERP is asked, on a real Temporal server."""

from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical_models.failures import RejectionCode
from operations import engine
from operations.context import AppContext
from operations.engine import Engine
from persistence import dunning
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.overdue import Overdue, overdue
from tests.api.seeding import Ids
from tests.api.seeding_books import erp_of, post
from tests.api.stuck import stuck
from tests.harness.sagas import Sagas
from tests.harness.systems import refused
from tests.harness.waiting import until


@pytest.fixture
def context(
    database: Database,
    temporal: WorkflowEnvironment,
    tenant_settings: TenantSettings,
    sagas: Sagas,
) -> AppContext:
    async def connected() -> Client:
        return temporal.client

    ui = "http://127.0.0.1:8233"
    working = Engine(connected, namespace="default", ui=ui, task_queue=sagas.task_queue)
    return AppContext(database, working, {"acme": tenant_settings})


async def posted(sagas: Sagas, late: Overdue) -> None:
    """The invoice stands in the ERP, and nobody has looked since."""
    invoice = late.invoice
    made = erp_of(invoice, "INV-1", legal_entity="LE-DE")
    sagas.systems.erp.documents.append(made)
    async with sagas.database.transaction() as conn:
        await post(conn, "acme", invoice, made, change="chg_1")


async def test_an_unpaid_invoice_is_decided_by_finance(call: Call, sagas: Sagas) -> None:
    late = await overdue(sagas)
    path = f"/v1/exceptions/{late.exception.exception_id}"
    shown = (await call("GET", path, "exceptions:read")).json()
    assert shown["change"] is None
    assert shown["exception"]["workflow_id"] == late.process.workflow_id
    assert shown["decisions"] == ["extend", "credit", "write_off"]
    assert shown["workflow_url"].endswith(late.process.workflow_id.replace("/", "%2F"))
    listed = await call("GET", f"/v1/exceptions?change={late.process.workflow_id}")
    assert len(listed.json()["items"]) == 1

    wrong = await call("POST", f"{path}/resolve", json={"action": "retry"})
    assert wrong.status_code == 422
    assert wrong.json()["remedy"] == "decide one of extend, credit, write_off"
    assert (
        await call("POST", f"{path}/resolve", tenant="globex", json={"action": "extend"})
    ).status_code == 404

    decision = {"action": "extend", "note": "pays on the 15th"}
    taken = await call("POST", f"{path}/resolve", "exceptions:write", json=decision)
    assert taken.status_code == 200, taken.text
    assert taken.json()["change"] is None
    assert taken.json()["exception"]["resolution"] == "extend"
    again = (await call("POST", f"{path}/resolve", json=decision)).json()
    assert again["already"]
    other = await call("POST", f"{path}/resolve", json={"action": "credit"})
    assert other.status_code == 409
    assert other.json()["see"] == path

    async def extended() -> bool:
        async with sagas.database.statement() as conn:
            case = await dunning.get(conn, "acme", late.invoice.document_id)
        return case is not None and case.extended_days > 0 and case.stage.value == "grace"

    await until(extended, "the case has another grace")
    await late.end()


async def test_what_is_decided_of_a_process_that_is_gone_is_kept(
    call: Call, sagas: Sagas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TAKEN", timedelta(milliseconds=100))
    late = await overdue(sagas)
    await late.end()
    path = f"/v1/exceptions/{late.exception.exception_id}/resolve"
    answer = await call("POST", path, json={"action": "extend"})
    assert answer.status_code == 202
    assert answer.json()["decision"]["outcome"] is None


async def test_a_change_takes_no_decision_of_dunning(call: Call, sagas: Sagas) -> None:
    waiting = await stuck(sagas)
    path = f"/v1/exceptions/{waiting.exception.exception_id}/resolve"
    for action in ("approve", "extend", "credit", "write_off"):
        answer = await call("POST", path, json={"action": action})
        assert answer.status_code == 422
        assert answer.json()["remedy"] == "decide one of retry, correct, skip, abort"
    await waiting.handle.terminate()


async def test_the_erp_is_asked_about_one_invoice(call: Call, sagas: Sagas) -> None:
    late = await overdue(sagas)
    sagas.systems.erp.documents.clear()
    path = f"/v1/invoices/{late.invoice.document_id}/refresh"
    first = (await call("POST", path, "invoices:write")).json()
    assert (first["finished"], first["looked_at"], first["changed"]) == (True, 1, 0)
    assert first["invoice"]["summary"]["erp_status"] == first["was"] == "unposted"
    assert first["invoice"]["sources"]["erp"]["age_seconds"] is not None
    assert (await call("POST", "/v1/invoices/in_none/refresh")).status_code == 404
    assert (await call("POST", path, tenant="globex")).status_code == 404
    await late.end()


async def test_what_has_changed_is_answered_and_told_to_billing(call: Call, sagas: Sagas) -> None:
    late = await overdue(sagas)
    await posted(sagas, late)
    swept = (await call("POST", "/v1/invoices/refresh", "invoices:write")).json()
    assert (swept["finished"], swept["looked_at"], swept["changed"]) == (True, 1, 1)
    assert (swept["was"], swept["invoice"]) == (None, None)
    key = late.invoice.document_id
    shown = (await call("GET", f"/v1/invoices/{key}")).json()["summary"]
    assert (shown["erp_status"], shown["erp"]["number"], shown["erp_status_shown"]) == (
        "posted",
        "INV-1",
        "posted",
    )
    assert sagas.systems.billing.notes[key]["erp_number"] == "INV-1"
    await late.end()


async def test_what_keeps_the_erp_from_answering_is_said(call: Call, sagas: Sagas) -> None:
    late = await overdue(sagas)
    await posted(sagas, late)
    sagas.systems.script.faults["erp.statuses"] = [refused(RejectionCode.DOCUMENT_REFUSED)]
    answer = await call("POST", f"/v1/invoices/{late.invoice.document_id}/refresh")
    assert answer.status_code == 200
    assert answer.json()["problems"] == ["scripted document_refused"]
    await late.end()


async def test_a_look_that_takes_long_goes_on_by_itself(
    call: Call,
    temporal: WorkflowEnvironment,
    context: AppContext,
    acme: Ids,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "TAKEN", timedelta(milliseconds=400))
    monkeypatch.setattr(context.engine, "_task_queue", "nobody-works-here")
    found = (await call("POST", f"/v1/invoices/{acme.invoice}/refresh")).json()
    assert not found["finished"]
    assert found["invoice"]["summary"]["erp_status"] == found["was"] == "part_paid"
    await temporal.client.get_workflow_handle(f"invoices/acme/{acme.invoice}").terminate()
