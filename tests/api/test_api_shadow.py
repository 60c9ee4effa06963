"""Shadow by the API: seen, and tried."""

import secrets

import httpx

from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids, key_of

TRIED = {"items": [{"item": "pro", "erp_item": "OTHER"}], "since": "2026-11-01"}


async def test_what_would_be_done_is_seen(call: Call, acme: Ids) -> None:
    status = (await call("GET", "/v1/shadow")).json()
    assert (status["differ"], status["differ_by"], status["ready"]) == (1, {"tax": 1}, False)
    assert [each["code"] for each in status["asked"]] == ["item_unmapped"]
    items = (await call("GET", "/v1/shadow/items", params={"differs": "tax"})).json()["items"]
    assert [each["number"] for each in items] == [acme.mark]
    none = await call("GET", "/v1/shadow/items", params={"differs": "amount"})
    assert none.json()["items"] == []
    path = f"/v1/shadow/changes/{acme.change('done')}"
    assert (await call("GET", path)).json()["change"]["code"] == "item_unmapped"
    unknown = await call("GET", f"/v1/shadow/changes/{acme.change('waits')}")
    assert unknown.status_code == 404
    live = await call("POST", "/v1/shadow/look")
    assert live.status_code == 409


async def test_a_trial_is_begun_once_and_seen_by_its_tenant_alone(
    call: Call, api: httpx.AsyncClient, database: Database, acme: Ids, globex: Ids
) -> None:
    assert (acme.tenant, globex.tenant) == ("acme", "globex")
    bearer = f"Bearer {await key_of(database, 'acme', 'admin')}"
    headers = {"authorization": bearer, "idempotency-key": secrets.token_hex(8)}
    begun = await api.post("/v1/shadow/trials", json=TRIED, headers=headers)
    assert begun.status_code == 202, begun.text
    again = await api.post("/v1/shadow/trials", json=TRIED, headers=headers)
    assert again.json()["batch"]["batch_id"] == begun.json()["batch"]["batch_id"]
    place = begun.headers["location"]
    shown = await call("GET", place)
    assert (shown.status_code, shown.json()["differ"]) == (200, 0)
    assert (await call("GET", place, tenant="globex")).status_code == 404
    bad = await call(
        "POST",
        "/v1/shadow/trials",
        json={"policy": {"boks": 1}, "since": "2026-11-01"},
        headers={"idempotency-key": secrets.token_hex(8)},
    )
    assert bad.status_code == 422
    assert "policy.boks" in bad.json()["detail"]
