"""A decision needs the same leave and passes the same checks by whichever door it comes."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.stuck import MENDED, Stuck, stuck
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems as Vendors

#: Another customer's documents would go to this party.
STOLEN = {
    "billing_customer": "cus_other",
    "erp_party": "C-666",
    "legal_entity": "LE-DE",
    "support_organization": "cus_other",
}


@pytest.fixture
def context(
    database: Database, temporal: WorkflowEnvironment, tenant_settings: TenantSettings
) -> AppContext:
    async def connected() -> Client:
        return temporal.client

    return AppContext(database, Engine(connected, namespace="default"), {"acme": tenant_settings})


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with sagas_at_work(temporal.client, database, Vendors()) as working:
        yield working


@pytest.fixture
async def waiting(sagas: Sagas) -> AsyncIterator[Stuck]:
    waiting = await stuck(sagas)
    yield waiting
    assert (await sagas.exception_of(waiting.exception.exception_id)).state == "open"
    assert (await sagas.record(waiting.document_id)).correction is None
    await waiting.handle.terminate()


async def by_resolve(call: Call, of: Stuck, *scopes: str, **said: Any) -> httpx.Response:
    path = f"/v1/exceptions/{of.exception.exception_id}/resolve"
    return await call("POST", path, *scopes, json=said)


async def by_signal(call: Call, of: Stuck, *scopes: str, **said: Any) -> httpx.Response:
    payload = {"exception_id": of.exception.exception_id, **said}
    path = f"/v1/changes/{of.change_id}/signal"
    given = {"name": "decide", "payload": payload}
    return await call("POST", path, "changes:write", *scopes, json=given)


@pytest.mark.parametrize("decide", [by_resolve, by_signal])
@pytest.mark.parametrize(
    ("said", "scopes", "missing"),
    [
        ({"action": "abort"}, ("changes:write",), "exceptions:write"),
        ({"action": "retry"}, ("mappings:write",), "exceptions:write"),
        ({"action": "correct", "item": MENDED}, ("exceptions:write",), "mappings:write"),
        ({"action": "correct", "account": STOLEN}, ("exceptions:write",), "mappings:write"),
        ({"action": "correct", "account": STOLEN}, ("changes:write",), "exceptions:write"),
        (
            {"action": "correct", "document": {"document_id": "in_1", "tax_code": "X"}},
            ("exceptions:write", "mappings:write"),
            "invoices:decide",
        ),
    ],
)
async def test_a_key_may_set_by_a_decision_what_it_may_set(
    call: Call,
    waiting: Stuck,
    decide: Any,
    said: dict[str, Any],
    scopes: tuple[str, ...],
    missing: str,
) -> None:
    refused = await decide(call, waiting, *scopes, **said)
    assert (refused.status_code, refused.json()["scope"]) == (403, missing)


@pytest.mark.parametrize("decide", [by_resolve, by_signal])
@pytest.mark.parametrize(
    "said",
    [
        {"action": "approve"},
        {"action": "correct"},
        {"action": "retry", "item": MENDED},
        {"action": "correct", "item": {**MENDED, "tier": "platinum"}},
        {"action": "correct", "item": {**MENDED, "item": "something_else"}},
        {"action": "correct", "account": STOLEN},
    ],
    ids=["not taken", "empty", "no correction", "unknown tier", "another item", "another customer"],
)
async def test_a_decision_that_mends_nothing_is_refused(
    call: Call, waiting: Stuck, decide: Any, said: dict[str, Any]
) -> None:
    assert (await decide(call, waiting, "admin", **said)).status_code == 422


async def test_a_signal_to_one_change_decides_no_other(call: Call, waiting: Stuck) -> None:
    given = {"name": "decide", "payload": {"exception_id": "exc_x", "action": "retry"}}
    path = f"/v1/changes/{waiting.change_id}/signal"
    assert (await call("POST", path, json=given)).status_code == 404
    payload = {"exception_id": waiting.exception.exception_id, "action": "retry"}
    answer = await call(
        "POST",
        f"/v1/changes/{waiting.change_id}/signal",
        tenant="globex",
        json={"name": "decide", "payload": payload},
    )
    assert answer.status_code == 404
