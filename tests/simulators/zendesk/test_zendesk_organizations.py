"""Organizations as Zendesk keeps them."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.simulators.zendesk.app import create_app

ORGANIZATIONS = "/api/v2/organizations"


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


async def created(client: httpx.AsyncClient, **organization: object) -> dict[str, Any]:
    reply = await client.post(ORGANIZATIONS, json={"organization": organization})
    assert reply.status_code == 201, reply.text
    document: dict[str, Any] = reply.json()["organization"]
    return document


async def test_create_show_and_search(client: httpx.AsyncClient) -> None:
    made = await created(
        client, name="Acme", external_id="Cus_1", tags=["Gold", "b2b gold"], unknown="ignored"
    )

    assert made["tags"] == ["gold", "b2b"]
    assert made["url"] == f"http://zendesk.test/api/v2/organizations/{made['id']}.json"
    assert made["created_at"].endswith("Z")
    assert "unknown" not in made
    assert (await client.get(f"{ORGANIZATIONS}/{made['id']}.json")).json()["organization"] == made
    for query in ({"external_id": "CUS_1"}, {"name": "acme"}):
        found = (await client.get(f"{ORGANIZATIONS}/search", params=query)).json()
        assert (found["count"], found["organizations"]) == (1, [made])
    nothing = await client.get(f"{ORGANIZATIONS}/search", params={"external_id": "cus_2"})
    assert nothing.json()["organizations"] == []
    assert (await client.get(f"{ORGANIZATIONS}/search")).status_code == 400


async def test_names_and_external_ids_are_unique(client: httpx.AsyncClient) -> None:
    await created(client, name="Acme", external_id="cus_1")

    reply = await client.post(
        ORGANIZATIONS, json={"organization": {"name": "ACME", "external_id": "CUS_1"}}
    )

    assert reply.status_code == 422
    assert reply.json() == {
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": {
            "name": [
                {"description": "Name: ACME has already been taken", "error": "DuplicateValue"}
            ],
            "external_id": [
                {"description": "External: CUS_1 has already been taken", "error": "DuplicateValue"}
            ],
        },
    }
    assert (await client.get(ORGANIZATIONS)).json()["count"] == 1


async def test_create_or_update_matches_external_id_but_no_name(client: httpx.AsyncClient) -> None:
    path = f"{ORGANIZATIONS}/create_or_update"
    first = await client.post(path, json={"organization": {"name": "A", "external_id": "x"}})
    again = await client.post(path, json={"organization": {"name": "B", "external_id": "X"}})
    by_id = await client.post(
        path, json={"organization": {"id": first.json()["organization"]["id"], "notes": "n"}}
    )
    clash = await client.post(path, json={"organization": {"name": "B", "external_id": "y"}})
    nameless = await client.post(path, json={"organization": {"name": "B"}})

    assert [r.status_code for r in (first, again, by_id)] == [201, 200, 200]
    shown = by_id.json()["organization"]
    assert (shown["name"], shown["notes"]) == ("B", "n")
    assert (clash.status_code, nameless.status_code) == (422, 422)


async def test_update_merges_fields_and_replaces_tags(client: httpx.AsyncClient) -> None:
    made = await created(
        client, name="A", tags=["old"], organization_fields={"support_tier": "gold", "seats": 5}
    )
    reply = await client.put(
        f"{ORGANIZATIONS}/{made['id']}",
        json={"organization": {"tags": ["new"], "organization_fields": {"seats": None}}},
    )

    updated = reply.json()["organization"]
    assert updated["tags"] == ["new"]
    assert updated["organization_fields"] == {"support_tier": "gold", "seats": None}
    fields = (await client.get("/api/v2/organization_fields")).json()["organization_fields"]
    assert [field["key"] for field in fields] == ["support_tier", "seats"]


async def test_strict_fields_ignores_what_is_not_defined(tmp_path: Path) -> None:
    app = create_app(tmp_path / "strict.sqlite", token="secret", strict_fields=True)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://zendesk.test",
        auth=("agent@example.com/token", "secret"),
    ) as client:
        field = {"key": "tier", "title": "Tier", "type": "text"}
        path = "/api/v2/organization_fields"
        first = await client.post(path, json={"organization_field": field})
        twice = await client.post(path, json={"organization_field": field})
        made = await created(client, name="A", organization_fields={"tier": "gold", "teir": "x"})
    app.close()

    assert (first.status_code, twice.status_code) == (201, 422)
    assert made["organization_fields"] == {"tier": "gold"}


async def test_delete_leaves_the_tickets(client: httpx.AsyncClient) -> None:
    made = await created(client, name="A")
    ticket = {"comment": {"body": "b"}, "organization_id": made["id"]}
    ticket_id = (await client.post("/api/v2/tickets", json={"ticket": ticket})).json()["ticket"][
        "id"
    ]
    path = f"{ORGANIZATIONS}/{made['id']}"
    related = (await client.get(f"{path}/related")).json()["organization_related"]
    assert related["tickets_count"] == 1

    assert (await client.delete(path)).status_code == 204

    gone = await client.get(path)
    assert (gone.status_code, gone.json()["error"]) == (404, "RecordNotFound")
    left = (await client.get(f"/api/v2/tickets/{ticket_id}")).json()["ticket"]
    assert left["organization_id"] is None
    assert (await created(client, name="A"))["id"] != made["id"]


async def test_one_that_is_merged_is_gone_with_its_own_and_leaves_its_tickets(
    client: httpx.AsyncClient,
) -> None:
    loser = await created(client, name="Loser", external_id="cus_l", domain_names=["l.example"])
    winner = await created(client, name="Winner", external_id="cus_w", tags=["vip"])
    ticket = {"comment": {"body": "x"}, "organization_id": loser["id"]}
    opened = (await client.post("/api/v2/tickets", json={"ticket": ticket})).json()["ticket"]

    wanted = {"organization_merge": {"winner_id": winner["id"]}}
    reply = await client.post(f"{ORGANIZATIONS}/{loser['id']}/merge", json=wanted)

    assert reply.json()["organization_merge"]["status"] == "new"
    assert (await client.get(f"{ORGANIZATIONS}/{loser['id']}")).status_code == 404
    kept = (await client.get(f"{ORGANIZATIONS}/{winner['id']}")).json()["organization"]
    assert (kept["external_id"], kept["tags"]) == ("cus_w", ["vip"])
    assert kept["domain_names"] == ["l.example"]
    moved = (await client.get(f"/api/v2/tickets/{opened['id']}")).json()["ticket"]
    assert moved["organization_id"] == winner["id"]
    for each in (loser, winner):
        merges = (await client.get(f"{ORGANIZATIONS}/{each['id']}/merges")).json()
        (one,) = merges["organization_merges"]
        assert (one["loser_id"], one["winner_id"]) == (loser["id"], winner["id"])
        assert one["status"] == "complete"
    assert (await client.get(f"{ORGANIZATIONS}/9999999/merges")).status_code == 404
    for nobody in (winner["id"], 9999999):
        body = {"organization_merge": {"winner_id": nobody}}
        refused = await client.post(f"{ORGANIZATIONS}/{winner['id']}/merge", json=body)
        assert refused.status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"\xff", 422),
        (b'{"organization": {"name": "\\ud800"}}', 422),
        (b'{"organization": {"name": NaN}}', 422),
        (b"[" * 100_000, 422),
        (b"[]", 400),
        (b'{"organisation": {"name": "A"}}', 400),
        (b'{"organization": {}}', 422),
        (b'{"organization": {"name": "  "}}', 422),
        (b'{"organization": {"name": 5}}', 422),
        (b'{"organization": {"name": "A", "tags": "gold"}}', 422),
        (b'{"organization": {"name": "A", "group_id": 99999999999999999999}}', 422),
        (b'{"organization": {"name": "A", "organization_fields": {"k": []}}}', 422),
    ],
)
async def test_bad_bodies_are_refused_and_leave_nothing(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    reply = await client.post(ORGANIZATIONS, content=body)

    assert reply.status_code == status
    assert "error" in reply.json()
    assert (await client.get(ORGANIZATIONS)).json()["count"] == 0
    assert (await client.get("/api/v2/organization_fields")).json()["count"] == 0


@pytest.mark.parametrize("path", ["/api/v2/organizations/abc", "/api/v2/nothing", "/"])
async def test_unknown_paths(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(path)
    assert (reply.status_code, reply.json()["error"]) == (404, "InvalidEndpoint")


async def test_pages_by_offset_and_by_cursor(client: httpx.AsyncClient) -> None:
    names = [(await created(client, name=f"org {n}"))["name"] for n in range(5)]

    first = (await client.get(ORGANIZATIONS, params={"per_page": 2})).json()
    second = (await client.get(first["next_page"])).json()
    assert [one["name"] for one in second["organizations"]] == names[2:4]
    assert second["count"] == 5
    assert (await client.get(second["previous_page"])).json() == first

    seen: list[str] = []
    url: str | None = f"{ORGANIZATIONS}?page[size]=2"
    pages = 0
    while url is not None:
        page = (await client.get(url)).json()
        seen += [one["name"] for one in page["organizations"]]
        url = page["links"]["next"]
        pages += 1
        assert page["meta"]["has_more"] is (url is not None)
    assert (seen, pages) == (names, 3)
    for bad in ({"page": "x"}, {"per_page": "0"}, {"page[after]": "%%"}, {"page[size]": "-1"}):
        assert (await client.get(ORGANIZATIONS, params=bad)).status_code == 400
