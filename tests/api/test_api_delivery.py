"""What is decided is kept first: whoever dies, is away or is second, it takes effect once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from canonical_models.decisions import DecisionView, Outcome, Target
from dispatch.delivering import Deliverer
from operations import engine, exceptions
from operations.context import AppContext
from persistence import change_queue, decisions, mappings
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.stuck import MENDED, Stuck, at_temporal, stuck
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems as Vendors
from tests.harness.temporal import free_port
from tests.harness.waiting import until

CORRECT = {"action": "correct", "item": MENDED, "note": "was forgotten"}


@pytest.fixture
def context(
    database: Database, temporal: WorkflowEnvironment, tenant_settings: TenantSettings
) -> AppContext:
    return at_temporal(database, temporal.client, tenant_settings)


@pytest.fixture
async def undelivered(temporal: WorkflowEnvironment, database: Database) -> Any:
    """Sagas at work, and nobody who hands decisions over."""
    async with sagas_at_work(temporal.client, database, Vendors()) as working:
        yield working


def resolve(of: Stuck) -> str:
    return f"/v1/exceptions/{of.exception.exception_id}/resolve"


async def rows(database: Database, of: Stuck) -> tuple[DecisionView, ...]:
    async with database.statement() as conn:
        return await decisions.on(conn, "acme", Target.EXCEPTION, of.exception.exception_id)


async def kept(context: AppContext, of: Stuck) -> DecisionView:
    """The process that took the decision has died when it had written the row."""
    decision = exceptions.Decision.model_validate(CORRECT, strict=False)
    resolution = exceptions.resolution_of(of.exception.exception_id, decision, by="fay")
    made, _ = await exceptions.decide(context, "acme", resolution)
    assert made.outcome is None
    return made


async def mapped(database: Database) -> int:
    async with database.statement() as conn:
        return len(await mappings.history(conn, "acme", "item", "new"))


async def test_a_crash_between_row_and_delivery_loses_and_doubles_nothing(
    context: AppContext, undelivered: Sagas, temporal: WorkflowEnvironment, database: Database
) -> None:
    waiting = await stuck(undelivered)
    await kept(context, waiting)
    first, second = (Deliverer(database, temporal.client) for _ in range(2))
    await asyncio.gather(first.deliver(), second.deliver())
    assert (await waiting.handle.result()).outcome == "completed"
    # Both had read it; what comes late is looked at, and is not done again.
    await first.deliver()
    (row,) = await rows(database, waiting)
    assert (row.by, row.outcome) == ("fay", Outcome.TAKEN)
    assert await mapped(database) == 1


async def test_a_worker_that_dies_with_the_decision_in_hand_loses_nothing(
    context: AppContext, temporal: WorkflowEnvironment, database: Database
) -> None:
    async with sagas_at_work(temporal.client, database, Vendors()) as sagas:
        waiting = await stuck(sagas)
        await kept(context, waiting)
    delivering = asyncio.create_task(Deliverer(database, temporal.client).deliver())
    async with sagas.worker():
        assert (await waiting.handle.result()).outcome == "completed"
    await delivering
    assert [row.outcome for row in await rows(database, waiting)] == [Outcome.TAKEN]


async def test_while_temporal_is_away_it_is_kept_and_then_handed_over(
    context: AppContext, undelivered: Sagas, temporal: WorkflowEnvironment, database: Database
) -> None:
    waiting = await stuck(undelivered)
    await kept(context, waiting)
    config = temporal.client.config()
    away = await Client.connect(
        f"127.0.0.1:{free_port()}", lazy=True, data_converter=config["data_converter"]
    )
    with pytest.raises((RPCError, RuntimeError)):
        await Deliverer(database, away).deliver()
    assert [row.outcome for row in await rows(database, waiting)] == [None]
    await Deliverer(database, temporal.client).deliver()
    assert (await waiting.handle.result()).outcome == "completed"
    assert [row.outcome for row in await rows(database, waiting)] == [Outcome.TAKEN]


async def test_of_two_people_on_one_case_one_wins_and_the_other_is_told(
    call: Call, sagas: Sagas, database: Database
) -> None:
    waiting = await stuck(sagas)
    answers = await asyncio.gather(
        call("POST", resolve(waiting), json=CORRECT),
        call("POST", resolve(waiting), json={"action": "abort"}),
    )
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert won.is_success, won.text
    assert lost.status_code == 409, lost.text
    (row,) = await rows(database, waiting)
    told = lost.json()["facts"]
    assert (told["decision_id"], told["action"]) == (row.decision_id, row.action)
    assert told["by"] == "desk"
    assert told["at"]
    await waiting.handle.result()


async def test_one_name_is_one_decision_however_often_it_is_sent(
    call: Call, sagas: Sagas, database: Database
) -> None:
    waiting = await stuck(sagas)
    named = {"idempotency-key": "ticket-4711"}
    answers = await asyncio.gather(
        *(call("POST", resolve(waiting), json=CORRECT, headers=named) for _ in range(10))
    )
    assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
    assert sorted(answer.json()["already"] for answer in answers) == [False] + [True] * 9
    assert len({answer.json()["decision"]["decision_id"] for answer in answers}) == 1
    (row,) = await rows(database, waiting)
    assert row.once == "ticket-4711"
    other = await call("POST", resolve(waiting), json={"action": "retry"}, headers=named)
    assert other.status_code == 409
    assert "something else before" in other.json()["detail"]
    hold = f"/v1/invoices/{waiting.document_id}/hold"
    elsewhere = await call("POST", hold, json={"reason": "disputed"}, headers=named)
    assert elsewhere.status_code == 409
    await waiting.handle.result()


async def test_what_has_come_to_ask_something_else_is_not_decided(
    call: Call, sagas: Sagas, database: Database
) -> None:
    waiting = await stuck(sagas)
    shown = (await call("GET", resolve(waiting).removesuffix("/resolve"))).json()
    async with database.transaction() as conn:
        await conn.execute(b"update exceptions set message = 'two items have none'")
    late = await call("POST", resolve(waiting), json={**CORRECT, "digest": shown["digest"]})
    assert late.status_code == 409
    assert "two items have none" in late.json()["detail"]
    now = late.json()["facts"]["digest"]
    assert await rows(database, waiting) == ()
    taken = await call("POST", resolve(waiting), json={**CORRECT, "digest": now})
    assert taken.is_success, taken.text
    (row,) = await rows(database, waiting)
    assert row.shown_digest == now
    await waiting.handle.result()


async def test_what_has_answered_itself_makes_the_decision_void(
    context: AppContext, call: Call, undelivered: Sagas, database: Database, temporal: Any
) -> None:
    waiting = await stuck(undelivered)
    await kept(context, waiting)
    held = {"reason": "not ours"}
    assert (await call("POST", f"/v1/invoices/{waiting.document_id}/hold", json=held)).is_success
    await waiting.handle.signal("newer_change")
    assert (await waiting.handle.result()).outcome == "completed"
    await Deliverer(database, temporal.client).deliver()
    assert [row.outcome for row in await rows(database, waiting)] == [Outcome.VOID]
    late = await call("POST", resolve(waiting), json={"action": "abort"})
    assert late.status_code == 409
    assert late.json()["facts"]["by"] == "trueup"


async def test_a_cancellation_is_kept_while_nobody_can_be_asked(
    call: Call,
    undelivered: Sagas,
    temporal: WorkflowEnvironment,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "TAKEN", timedelta(milliseconds=50))
    waiting = await stuck(undelivered)
    path = f"/v1/changes/{waiting.change_id}/cancel"
    for _ in range(2):
        kept = await call("POST", path)
        assert (kept.status_code, kept.json()["how"]) == (202, "kept")
    await waiting.handle.terminate()
    await Deliverer(database, temporal.client).deliver()
    again = await undelivered.again(waiting.change_id, waiting.subscription_id, tenant="acme")
    async with database.transaction() as conn:
        await change_queue.started(conn, waiting.change_id, again.first_execution_run_id or "")

    async def asked() -> bool:
        await Deliverer(database, temporal.client).deliver()
        return (await undelivered.change(waiting.change_id)).state == "settled"

    await until(asked, "its next run is cancelled")
    with pytest.raises(WorkflowFailureError):
        await again.result()
    shown = (await call("GET", f"/v1/changes/{waiting.change_id}")).json()
    assert [(row["action"], row["by"], row["outcome"]) for row in shown["decided"]] == [
        ("cancel", "desk", "taken")
    ]
    assert "cancel of change by desk, by the API" in [step["what"] for step in shown["timeline"]]


async def test_every_decision_of_the_api_leaves_its_row(
    call: Call, acme: Ids, database: Database
) -> None:
    """Who, by which door, from where, what, and how it was before."""
    granted = {"customer_id": acme.customer, "feature": "sso", "reason": "pilot"}
    grant = (await call("POST", "/v1/grants", json=granted)).json()["grant"]["grant_id"]
    invoice = "/v1/invoices/in_acme_alone"
    change = f"/v1/changes/{acme.change('next')}"
    because = {"reason": "because"}
    item = {"item": {"item": "pro", "erp_item": "PRO-2"}}
    asked: tuple[tuple[str, str, Any, tuple[str, str]], ...] = (
        ("POST", f"/v1/grants/{grant}/suspend", because, ("suspend", "grant")),
        ("POST", f"/v1/grants/{grant}/restore", None, ("restore", "grant")),
        ("DELETE", f"/v1/grants/{grant}", None, ("revoke", "grant")),
        ("POST", f"{invoice}/hold", because, ("hold", "document")),
        ("POST", f"{invoice}/release", None, ("release", "document")),
        ("POST", f"{invoice}/correct", {"tax_code": "X"}, ("correct", "document")),
        ("POST", f"{invoice}/link", {"document": "INV-9"}, ("link", "document")),
        ("POST", f"{invoice}/skip", because, ("skip", "document")),
        ("PUT", "/v1/mappings", item, ("set", "mapping")),
        ("POST", f"{change}/hold", because, ("hold", "change")),
        ("POST", f"{change}/release", None, ("release", "change")),
        ("POST", f"{change}/cancel", None, ("cancel", "change")),
    )
    wanted = [("give", "grant")]
    for method, path, body, row in asked:
        more = {} if body is None else {"json": body}
        answer = await call(method, path, headers={"x-request-id": "req-7"}, **more)
        assert answer.is_success, answer.text
        wanted.append(row)
    async with database.statement() as conn:
        found = await conn.execute(
            "select action, target_kind, decided_by, door, address, outcome, before, request_id "
            "from decisions order by seq"
        )
        kept = await found.fetchall()
    assert [(row[0], row[1]) for row in kept] == wanted
    assert {row[2:6] for row in kept} == {("desk", "api", "127.0.0.1", "done")}
    assert [row[0] for row in kept if row[6] is None] == ["give"]
    assert {row[7] for row in kept[1:]} == {"req-7"}
