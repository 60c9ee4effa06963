"""Tickets, comments, idempotency, search and SLA policies."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.simulators.zendesk.app import create_app

TICKETS = "/api/v2/tickets"
POLICIES = "/api/v2/slas/policies"


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    app = create_app(tmp_path / "zendesk.sqlite", token="secret")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://zendesk.test",
        auth=("agent@example.com/token", "secret"),
    ) as client:
        yield client
    app.close()


async def ticket(client: httpx.AsyncClient, **attributes: object) -> dict[str, Any]:
    body = {"ticket": {"subject": "s", "comment": {"body": "b"}, **attributes}}
    reply = await client.post(TICKETS, json=body)
    assert reply.status_code == 201, reply.text
    document: dict[str, Any] = reply.json()["ticket"]
    return document


async def organization(client: httpx.AsyncClient, **attributes: object) -> int:
    body = {"organization": {"name": "Acme", **attributes}}
    identifier: int = (await client.post("/api/v2/organizations", json=body)).json()[
        "organization"
    ]["id"]
    return identifier


async def search(client: httpx.AsyncClient, query: str) -> list[int]:
    reply = await client.get("/api/v2/search", params={"query": query, "sort_order": "asc"})
    assert reply.status_code == 200, reply.text
    return [one["id"] for one in reply.json()["results"]]


async def test_create_inherits_tags_and_lists_by_organization_and_external_id(
    client: httpx.AsyncClient,
) -> None:
    acme = await organization(client, tags=["gold"])
    me = (await client.get("/api/v2/users/me")).json()["user"]
    made = await ticket(
        client,
        organization_id=acme,
        external_id="saga-1",
        tags=["billing"],
        priority="high",
        custom_fields=[{"id": 7, "value": "x"}],
    )

    assert (made["status"], made["description"]) == ("new", "b")
    assert made["tags"] == ["billing", "gold"]
    assert made["requester_id"] == made["submitter_id"] == me["id"]
    by_id = (await client.get(TICKETS, params={"external_id": "saga-1"})).json()["tickets"]
    of_acme = (await client.get(f"/api/v2/organizations/{acme}/tickets")).json()["tickets"]
    assert by_id == of_acme == [made]
    assert (await client.get(TICKETS, params={"external_id": "saga"})).json()["tickets"] == []
    assert (await client.get("/api/v2/organizations/1/tickets")).status_code == 404


async def test_update_comments_and_audits(client: httpx.AsyncClient) -> None:
    made = await ticket(client, custom_fields=[{"id": 1, "value": "a"}, {"id": 2, "value": "b"}])
    path = f"{TICKETS}/{made['id']}"
    reply = await client.put(
        path,
        json={
            "ticket": {
                "status": "solved",
                "comment": {"body": "internal", "public": False},
                "custom_fields": [{"id": 2, "value": "c"}],
            }
        },
    )

    after, audit = reply.json()["ticket"], reply.json()["audit"]
    assert after["status"] == "solved"
    assert after["custom_fields"] == [{"id": 1, "value": "a"}, {"id": 2, "value": "c"}]
    assert {(e["type"], e.get("field_name"), e.get("value")) for e in audit["events"]} == {
        ("Change", "status", "solved"),
        ("Comment", None, None),
    }
    comments = (await client.get(f"{path}/comments")).json()["comments"]
    assert [(c["body"], c["public"]) for c in comments] == [("b", True), ("internal", False)]
    assert comments[1]["audit_id"] == audit["id"]


async def test_a_closed_ticket_stays_as_it_is(client: httpx.AsyncClient) -> None:
    path = f"{TICKETS}/{(await ticket(client, status='closed'))['id']}"
    reply = await client.put(path, json={"ticket": {"subject": "new"}})
    assert (reply.status_code, "status" in reply.json()["details"]) == (422, True)
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_safe_update_refuses_outdated_data(client: httpx.AsyncClient) -> None:
    made = await ticket(client)
    path = f"{TICKETS}/{made['id']}"
    safe = {"safe_update": True, "updated_stamp": made["updated_at"], "subject": "n"}
    await client.post("/_sim/clock", json={"advance_seconds": 5})

    assert (await client.put(path, json={"ticket": safe})).status_code == 200
    late = await client.put(path, json={"ticket": safe})
    assert (late.status_code, late.json()["error"]) == (409, "UpdateConflict")


async def test_idempotency_key_creates_once_for_two_hours(client: httpx.AsyncClient) -> None:
    async def send(subject: str) -> httpx.Response:
        body = {"ticket": {"subject": subject, "comment": {"body": "b"}}}
        return await client.post(TICKETS, json=body, headers={"Idempotency-Key": "k-1"})

    first, again, other = await send("a"), await send("a"), await send("b")

    assert first.headers["x-idempotency-lookup"] == "miss"
    assert again.headers["x-idempotency-lookup"] == "hit"
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["error"]) == (400, "IdempotentRequestError")
    (counted,) = (await client.get("/_sim/requests")).json()["requests"]
    assert (counted["count"], counted["effects"]) == (3, 1)

    await client.post("/_sim/clock", json={"advance_seconds": 7199 - 5})
    assert (await send("a")).headers["x-idempotency-lookup"] == "hit"
    await client.post("/_sim/clock", json={"advance_seconds": 10})
    assert (await send("a")).headers["x-idempotency-lookup"] == "miss"
    assert (await client.get(TICKETS)).json()["count"] == 2


async def test_a_refused_ticket_keeps_no_key(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    wrong = {"ticket": {"comment": {"body": "b"}, "priority": "super"}}
    right = {"ticket": {"comment": {"body": "b"}, "priority": "urgent"}}
    assert (await client.post(TICKETS, json=wrong, headers=headers)).status_code == 422
    assert (await client.post(TICKETS, json=right, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"priority": "super"}, "priority"),
        ({"status": "done"}, "status"),
        ({"comment": {}}, "base"),
        ({"organization_id": 5}, "organization"),
        ({"custom_fields": [{"key": "x"}]}, "custom_fields"),
        ({"comment": {"body": 5}}, "body"),
        ({"requester": {"name": "no address"}}, "requester"),
    ],
)
async def test_bad_tickets_are_refused_and_leave_nothing(
    client: httpx.AsyncClient, attributes: dict[str, object], named: str
) -> None:
    reply = await client.post(TICKETS, json={"ticket": {"comment": {"body": "b"}, **attributes}})
    assert (reply.status_code, list(reply.json()["details"])) == (422, [named])
    assert (await client.get(TICKETS)).json()["count"] == 0


async def test_search_language(client: httpx.AsyncClient) -> None:
    acme = await organization(client, external_id="cus_1", tags=["gold"])
    first = (await ticket(client, organization_id=acme, external_id="e-1", priority="low"))["id"]
    second = (await ticket(client, subject="Refund due", status="solved", tags=["vip"]))["id"]
    third = (await ticket(client, status="pending", priority="urgent", type="task"))["id"]
    expected = {
        "type:ticket": [first, second, third],
        "type:ticket status<solved": [first, third],
        f"type:ticket organization:{acme}": [first],
        'type:ticket organization:"Acme"': [first],
        "type:ticket external_id:e-1": [first],
        "type:ticket external_id:none": [second, third],
        "type:ticket tags:gold": [first],
        "type:ticket tags:vip status:solved": [second],
        "type:ticket status:new status:pending": [first, third],
        "type:ticket -status:new": [second, third],
        "type:ticket priority>normal": [third],
        "type:ticket ticket_type:task": [third],
        "type:ticket refund": [second],
        'type:ticket "refund due"': [second],
        "type:ticket created>2020-01-01": [first, second, third],
        "type:ticket created<2020-01-01": [],
        "type:ticket nonsense:x": [],
        "type:organization external_id:cus_1": [acme],
        "gold tags:gold": [],
    }
    assert {query: await search(client, query) for query in expected} == expected
    # Which is older of the two is told by whole seconds.
    assert sorted(await search(client, "tags:gold")) == sorted([first, acme])
    for bad in ("", "status<nothing", "created>yesterday"):
        reply = await client.get("/api/v2/search", params={"query": bad})
        assert reply.status_code == 400


async def test_search_can_run_behind(client: httpx.AsyncClient) -> None:
    await client.post("/_sim/search_lag", json={"seconds": 60})
    made = await ticket(client, external_id="e")
    assert await search(client, "external_id:e") == []
    assert (await client.get(TICKETS, params={"external_id": "e"})).json()["count"] == 1
    await client.post("/_sim/clock", json={"advance_seconds": 61})
    assert await search(client, "external_id:e") == [made["id"]]


def policy(title: str, target: int, **condition: object) -> dict[str, object]:
    metrics = [
        {"priority": "high", "metric": metric, "target": target, "business_hours": False}
        for metric in ("first_reply_time", "agent_work_time")
    ]
    return {"title": title, "filter": {"all": [condition]}, "policy_metrics": metrics}


async def test_first_matching_policy_sets_the_deadlines(client: httpx.AsyncClient) -> None:
    tier = {"field": "organization.custom_fields.tier", "operator": "is", "value": "gold"}
    tag = {"field": "current_tags", "operator": "includes", "value": "gold platinum"}
    later = {**policy("by tag", 60, **tag), "position": 2}
    sooner = {**policy("by tier", 30, **tier), "position": 1}
    replies = [await client.post(POLICIES, json={"sla_policy": one}) for one in (later, sooner)]
    ids = [reply.json()["sla_policy"]["id"] for reply in replies]
    listed = (await client.get(POLICIES)).json()["sla_policies"]
    assert [one["title"] for one in listed] == ["by tier", "by tag"]

    acme = await organization(client, tags=["gold"], organization_fields={"tier": "silver"})
    made = await ticket(client, organization_id=acme, priority="high")
    path = f"{TICKETS}/{made['id']}"
    created_at = datetime.fromisoformat(made["created_at"])

    async def clocks() -> dict[str, tuple[str, datetime | None]]:
        shown = (await client.get(path, params={"include": "slas"})).json()["ticket"]
        return {
            one["metric"]: (
                one["stage"],
                datetime.fromisoformat(one["breach_at"]) if one["breach_at"] else None,
            )
            for one in shown["slas"]["policy_metrics"]
        }

    active = ("active", created_at + timedelta(minutes=60))
    assert await clocks() == {"first_reply_time": active, "agent_work_time": active}
    assert (await client.get(f"/_sim/tickets/{made['id']}")).json()["sla_policy_id"] == ids[0]

    fields = {"organization": {"organization_fields": {"tier": "gold"}}}
    await client.put(f"/api/v2/organizations/{acme}", json=fields)
    reply = {"status": "pending", "comment": {"body": "hello"}}
    await client.put(path, json={"ticket": reply})
    assert (await client.get(f"/_sim/tickets/{made['id']}")).json()["sla_policy_id"] == ids[1]
    assert await clocks() == {
        "first_reply_time": ("achieved", None),
        "agent_work_time": ("paused", None),
    }
    assert "slas" not in (await client.get(path)).json()["ticket"]


async def test_policies_change_and_go(client: httpx.AsyncClient) -> None:
    body = policy("p", 5, field="priority", operator="greater_than", value="normal")
    made = (await client.post(POLICIES, json={"sla_policy": body})).json()["sla_policy"]
    path = f"{POLICIES}/{made['id']}"
    changed = await client.put(path, json={"sla_policy": {"title": "q"}})
    assert changed.json()["sla_policy"]["title"] == "q"
    assert (await client.get(path)).json()["sla_policy"]["filter"] == made["filter"]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "broken",
    [
        {"title": None},
        {"filter": None},
        {"filter": {"all": [{"field": "moon", "operator": "is", "value": "full"}]}},
        {"filter": {"any": [{"field": "priority", "operator": "less_than", "value": "x"}]}},
        {"filter": {"all": "everything"}},
        {"policy_metrics": [{"priority": "high", "metric": "luck", "target": 1}]},
        {"policy_metrics": [{"priority": "high", "metric": "agent_work_time"}]},
        {"policy_metrics": [{"priority": "high", "metric": "agent_work_time", "target": 0}]},
    ],
)
async def test_bad_policies_are_refused(
    client: httpx.AsyncClient, broken: dict[str, object]
) -> None:
    body = {**policy("p", 5, field="priority", operator="is", value="high"), **broken}
    assert (await client.post(POLICIES, json={"sla_policy": body})).status_code == 422
    assert (await client.get(POLICIES)).json()["count"] == 0
