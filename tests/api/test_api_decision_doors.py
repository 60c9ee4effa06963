"""A decision needs the same leave and passes the same checks by whichever door it comes."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from temporalio.testing import WorkflowEnvironment

from operations.context import AppContext
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.conftest import Call
from tests.api.stuck import MENDED, Stuck, at_temporal, stuck
from tests.harness.sagas import Sagas

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
    return at_temporal(database, temporal.client, tenant_settings)


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


async def test_a_signal_to_one_change_decides_no_other(
    call: Call, waiting: Stuck, sagas: Sagas
) -> None:
    other = await stuck(sagas)

    async def sent(to: Stuck, exception_id: str, tenant: str = "acme") -> httpx.Response:
        payload = {"exception_id": exception_id, "action": "retry"}
        path = f"/v1/changes/{to.change_id}/signal"
        given = {"name": "decide", "payload": payload}
        return await call("POST", path, tenant=tenant, json=given)

    refused = await sent(other, waiting.exception.exception_id)
    assert refused.status_code == 409
    assert f"is of {waiting.change_id}, not of {other.change_id}" in refused.json()["detail"]
    assert (await sent(waiting, "exc_none")).status_code == 404
    theirs = await sent(waiting, waiting.exception.exception_id, tenant="globex")
    assert theirs.status_code == 404
    await other.handle.terminate()
