"""What every operation of the API has, walked over its description: a new one without it fails."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from canonical_models.endings import State
from persistence.database import Database
from starter_api.lifecycle import OWNERS
from tests.api.conftest import Call
from tests.api.seeding import Ids

#: What changes nothing of the object below whose address it stands, each with why.
LEAVES_AS_IT_IS = {
    "POST /v1/accounts/{customer_id}/sync": "asks for a change beside it",
    "POST /v1/causes/{cause_id}/comments": "adds a line, whatever stands there",
    "POST /v1/causes/{cause_id}/preview": "only looks",
    "POST /v1/causes/{cause_id}/releases": "is bound to what was foreseen",
    "POST /v1/exceptions/{exception_id}/comments": "adds a line, whatever stands there",
    "POST /v1/exceptions/{exception_id}/preview": "only looks",
    "POST /v1/exceptions/{exception_id}/reopen": "is bound by `digest` to what was shown",
    "POST /v1/exceptions/{exception_id}/resolve": "is bound by `digest` to what was shown",
    "POST /v1/inbox/{receipt}/replay": "reads it again; what it says stays",
    "POST /v1/invoices/{invoice_id}/refresh": "asks the ERP, and writes what that says",
    "POST /v1/releases/{batch_id}/add": "adds what has come since to what was looked at",
    "POST /v1/releases/{batch_id}/approve": "is bound by `digest` to what was shown",
    "POST /v1/releases/{batch_id}/joined": "begins another batch",
    "POST /v1/releases/{batch_id}/undo": "begins another batch",
    "POST /v1/streams/{name}/deliveries/{position}/resend": "sends an event again",
    "POST /v1/streams/{name}/resend": "sends events again",
    "POST /v1/streams/{name}/test": "sends an event of its own",
    "POST /v1/subscriptions/{subscription_id}/sync": "asks for a change beside it",
}
#: An object whose address is another than that of what is written to.
WRITTEN_AT = {"PUT /v1/mappings": "/v1/mappings/{kind}/{source}"}


class Operation:
    def __init__(self, document: dict[str, Any], method: str, path: str) -> None:
        self.method, self.path = method.upper(), path
        self.said: dict[str, Any] = document["paths"][path][method]
        self._schemas = document["components"]["schemas"]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def takes(self) -> set[str]:
        return {each["name"].lower() for each in self.said.get("parameters", ())}

    @property
    def answer(self) -> dict[str, Any]:
        """What is answered when all is well."""
        found: dict[str, Any] = next(
            answer for status, answer in self.said["responses"].items() if status.startswith("2")
        )
        return found

    @property
    def fields(self) -> dict[str, Any]:
        schema = self.answer["content"]["application/json"]["schema"]
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        found: dict[str, Any] = schema.get("properties", {})
        return found

    @property
    def tagged(self) -> bool:
        return "ETag" in self.answer.get("headers", {})


@pytest.fixture
def operations(app: FastAPI) -> list[Operation]:
    document = app.openapi()
    return [
        Operation(document, method, path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/v1")
    ]


def singles(operations: list[Operation]) -> dict[str, Operation]:
    return {
        each.path: each for each in operations if each.method == "GET" and each.path.endswith("}")
    }


def test_every_list_is_read_page_by_page_or_says_why_it_is_short(
    operations: list[Operation],
) -> None:
    lists = [
        each
        for each in operations
        if each.method == "GET"
        and not each.path.endswith("}")
        and any(field.get("type") == "array" for field in each.fields.values())
    ]
    assert len(lists) > 20
    wrong = [
        each.name
        for each in lists
        if not ({"cursor", "limit"} <= each.takes and "next" in each.fields)
        and not each.said.get("x-bounded")
        and each.name not in _ANSWERS_THAT_ARE_NO_LISTS
    ]
    assert wrong == []
    # Who says that it is short has no pages, and the other way round.
    short = [each for each in lists if each.said.get("x-bounded")]
    assert [each.name for each in short if "cursor" in each.takes] == []


#: One answer, parts of which are lists.
_ANSWERS_THAT_ARE_NO_LISTS = {
    "GET /v1/entitlements/check",
    "GET /v1/exceptions/{exception_id}/abort",
    "GET /v1/releases/{batch_id}/approval",
    "GET /v1/releases/{batch_id}/undo",
}


def test_every_single_object_carries_an_etag(operations: list[Operation]) -> None:
    found = singles(operations)
    assert len(found) > 12
    assert [each.name for each in found.values() if not each.tagged] == []
    assert [each.name for each in found.values() if "304" not in each.said["responses"]] == []


def test_what_changes_an_object_takes_its_etag(operations: list[Operation]) -> None:
    shown = singles(operations)

    def of(each: Operation) -> str | None:
        if each.name in WRITTEN_AT:
            return WRITTEN_AT[each.name]
        return next(
            (path for path in shown if each.path == path or each.path.startswith(f"{path}/")), None
        )

    writes = [each for each in operations if each.method != "GET" and of(each) in shown]
    assert len(writes) > 25
    without = {each.name for each in writes if "if-match" not in each.takes}
    assert without == set(LEAVES_AS_IT_IS)
    assert [
        each.name
        for each in writes
        if "if-match" in each.takes and "412" not in each.said["responses"]
    ] == []
    # Whatever is written to has an address at which it is seen, or begins something.
    assert [
        each.name
        for each in operations
        if each.method in ("PUT", "PATCH", "DELETE") and of(each) is None
    ] == []


def test_every_operation_has_an_owner_a_state_and_words(operations: list[Operation]) -> None:
    for each in operations:
        (tag,) = each.said["tags"]
        assert each.said["x-owner"] == OWNERS[tag], each.name
        assert each.said["x-state"] in set(State), each.name
        assert each.said["summary"], each.name
        assert len(each.said.get("description", "")) > 20, each.name


async def test_a_grant_is_changed_as_it_was_shown(call: Call, acme: Ids) -> None:
    new = {"customer_id": acme.customer, "feature": "sso", "reason": "pilot"}
    given = (await call("POST", "/v1/grants", json=new)).json()
    path = f"/v1/grants/{given['grant']['grant_id']}"
    shown = await call("GET", path, "entitlements:read")
    assert (shown.status_code, shown.json()["status"]) == (200, "live")
    etag = {"if-match": shown.headers["etag"]}
    why = {"reason": "unpaid"}
    assert (await call("POST", f"{path}/suspend", json=why, headers=etag)).status_code == 200
    late: httpx.Response = await call("POST", f"{path}/restore", headers=etag)
    assert (late.status_code, late.json()["see"]) == (412, path)
    assert (await call("DELETE", path, headers=etag)).status_code == 412
    again = {"if-match": (await call("GET", path)).headers["etag"]}
    assert (await call("DELETE", path, headers=again)).status_code == 200
    assert (await call("GET", "/v1/grants/grt_none")).status_code == 404
    assert (await call("GET", path, tenant="globex")).status_code == 404


async def test_a_mapping_is_changed_as_it_was_shown(call: Call, acme: Ids) -> None:
    path = f"/v1/mappings/account/{acme.customer}"
    shown = await call("GET", path, "mappings:read")
    assert shown.status_code == 200, shown.text
    account = {**shown.json()["target"], "valid_from": None}
    etag = {"if-match": shown.headers["etag"]}

    async def put(party: str, headers: dict[str, str]) -> httpx.Response:
        body = {"account": {**account, "erp_party": party}}
        return await call("PUT", "/v1/mappings", json=body, headers=headers)

    assert (await put("C-2", {"if-match": '"other"'})).status_code == 412
    assert (await put("C-2", etag)).status_code in (200, 503)
    none = {"account": {**account, "billing_customer": "cus_new"}}
    refused = await call("PUT", "/v1/mappings", json=none, headers={"if-match": "*"})
    assert (refused.status_code, refused.json()["see"]) == (412, "/v1/mappings/account/cus_new")
    assert (await call("GET", "/v1/mappings/item/none")).status_code == 404


@pytest.mark.parametrize("written", ["plan/gold/eu", "plan%2Fgold%2Feu"])
async def test_a_source_with_a_slash_is_shown(call: Call, acme: Ids, written: str) -> None:
    item = {"item": "plan/gold/eu", "erp_item": "GOLD"}
    assert (await call("PUT", "/v1/mappings", json={"item": item})).status_code in (200, 503)
    shown = await call("GET", f"/v1/mappings/item/{written}", "mappings:read")
    assert (shown.status_code, shown.json()["target"]["erp_item"]) == (200, "GOLD")
    headers = {"if-match": shown.headers["etag"]}
    silver = {"item": {**item, "erp_item": "SILVER"}}
    assert (await call("PUT", "/v1/mappings", json=silver, headers=headers)).status_code != 412
    assert (await call("PUT", "/v1/mappings", json=silver, headers=headers)).status_code == 412


async def test_a_document_is_decided_as_it_was_shown_and_repeating_is_no_conflict(
    call: Call, acme: Ids
) -> None:
    path = "/v1/invoices/in_acme_alone"
    shown = await call("GET", path, "invoices:read")
    # Its age is no part of it.
    assert (await call("GET", path)).headers["etag"] == shown.headers["etag"]
    kept = await call("GET", path, headers={"if-none-match": shown.headers["etag"]})
    assert kept.status_code == 304
    seen = {"if-match": shown.headers["etag"], "idempotency-key": "held"}
    hold = {"json": {"reason": "disputed"}}
    first = await call("POST", f"{path}/hold", headers=seen, **hold)
    assert first.status_code == 200, first.text
    # It has changed by what was decided itself.
    again = await call("POST", f"{path}/hold", headers=seen, **hold)
    assert again.status_code == 200, again.text
    late = {"if-match": shown.headers["etag"]}
    assert (await call("POST", f"{path}/release", headers=late)).status_code == 412


async def test_streams_are_read_page_by_page_and_changed_as_shown(call: Call, acme: Ids) -> None:
    first = (await call("GET", "/v1/streams", "streams:read", params={"limit": 1})).json()
    assert [each["name"] for each in first["items"]] == ["crm-acme"]
    after = {"cursor": first["next"]} if first["next"] else {"cursor": "WyJjcm0tYWNtZSJd"}
    assert (await call("GET", "/v1/streams", params=after)).json()["items"] == []
    path = "/v1/streams/crm-acme"
    etag = {"if-match": (await call("GET", path)).headers["etag"]}
    assert (await call("POST", f"{path}/pause", headers=etag)).status_code == 200
    assert (await call("DELETE", path, headers=etag)).status_code == 412


async def test_a_month_is_changed_as_it_was_shown(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.statement() as conn:
        await conn.execute(
            "insert into periods (tenant, legal_entity, period, by, tried_at, standing) "
            "values ('acme', 'LE-DE', '2026-10', 'fay', now(), '[]')"
        )
    path, why = "/v1/periods/LE-DE/2026-10", {"reason": "a credit came late"}
    etag = (await call("GET", path, "periods:read")).headers["etag"]
    late = await call("POST", f"{path}/reopen", json=why, headers={"if-match": '"other"'})
    assert (late.status_code, late.json()["see"]) == (412, path)
    # Heeded, and then refused for what it is: nobody has closed it.
    assert (
        await call("POST", f"{path}/reopen", json=why, headers={"if-match": etag})
    ).status_code == 409
