"""What the API answers when it is asked rightly."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlparse

import httpx
import pytest

from canonical_models.mapping import ItemMapping
from canonical_models.policy import TenantPolicy
from operations import mappings
from operations.context import AppContext
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids, change_row, exception_row
from tests.api.seeding_books import NOON
from tests.harness.rows import add


async def test_a_change_tells_its_way_across_all_systems(call: Call, acme: Ids) -> None:
    answer = await call("GET", f"/v1/changes/{acme.change('done')}", "changes:read")
    assert answer.status_code == 200
    found = answer.json()
    steps = [(step["system"], step["what"], step["state"]) for step in found["timeline"]]
    assert steps == [
        ("billing", "subscription changed", "happened"),
        ("trueup", "webhook accepted", "received"),
        ("temporal", "saga started", "started"),
        ("trueup", "plan and post: period closed", "exception"),
        ("erp", "post invoice", "confirmed"),
        ("erp", "enter payment", "confirmed"),
        ("support", "publish entitlement", "confirmed"),
        ("support", "undo: publish entitlement", "compensated"),
        ("trueup", "every system agrees, proven by reading each back", "completed"),
        ("trueup", "retry by anna", "resolved"),
    ]
    assert found["timeline"][1]["document"] == acme.receipt
    posted, entered = found["timeline"][4:6]
    assert (posted["document"], posted["note"]) == (f"INV-{acme.mark}", "in_acme")
    assert (entered["document"], entered["note"]) == (acme.mark, "pi_acme")
    assert {"document:acme/in_acme", "settlement:acme/pi_acme"} <= {
        effect["key"] for effect in found["effects"]
    }
    assert found["workflow_url"] == (
        "http://127.0.0.1:8233/namespaces/default/workflows/subscription%2Facme%2Fsub_acme/"
        "11111111-1111-1111-1111-111111111111/history"
    )
    assert found["proof"]["mark"] == acme.mark


async def test_a_waiting_change_says_what_it_waits_for(call: Call, acme: Ids) -> None:
    found = (await call("GET", f"/v1/changes/{acme.change('waits')}")).json()
    assert found["words"].startswith("Waits for finance: billing item ai has no ERP item")
    assert acme.exception in found["words"]


async def test_a_single_object_is_not_sent_twice(call: Call, acme: Ids, database: Database) -> None:
    path = f"/v1/exceptions/{acme.exception}"
    first = await call("GET", path)
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await call("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    async with database.transaction() as conn:
        await add(conn, exception_row(acme, "exc_later", "next"))
    other = await call("GET", "/v1/exceptions/exc_later", headers={"if-none-match": etag})
    assert other.status_code == 200
    assert other.headers["etag"] != etag


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_cover_a_list_exactly_once(
    limit: int, call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        # All at one instant: the cursor must tell equals apart.
        for number in range(6):
            name = f"n{number}"
            await add(conn, change_row(acme, name, "pending"))
            await add(conn, exception_row(acme, f"exc_{number}", name, opened_at=NOON))
    for path, key, count in (
        ("/v1/changes", "change_id", 9),
        ("/v1/exceptions?state=all", "exception_id", 8),
        ("/v1/mappings", "source", 2),
    ):
        seen = await _walk(call, f"{path}{'&' if '?' in path else '?'}limit={limit}", key)
        assert len(seen) == len(set(seen)) == count


async def test_the_feed_goes_on_where_it_stopped(call: Call, acme: Ids, globex: Ids) -> None:
    first = (await call("GET", "/v1/events", "events:read")).json()
    assert [event["type"] for event in first["items"]] == ["io.trueup.sync.completed.v1"]
    again = (await call("GET", f"/v1/events?cursor={first['next']}")).json()
    assert again == {"items": [], "next": first["next"]}


async def test_an_entitlement_says_how_much_and_why(call: Call, acme: Ids) -> None:
    path = f"/v1/entitlements/check?customer={acme.customer}&feature="
    given = (await call("GET", f"{path}seats", "entitlements:read")).json()
    assert (given["allowed"], given["quantity"], given["until"]) == (True, 10, None)
    assert given["because"][0]["source_id"] == acme.mark
    missing = (await call("GET", f"{path}sso", "entitlements:read")).json()
    assert (missing["allowed"], missing["quantity"], missing["because"]) == (False, 0, [])
    every = (await call("GET", f"/v1/entitlements?customer={acme.customer}")).json()
    assert [entitlement["feature"] for entitlement in every["items"]] == ["seats"]


async def test_a_subscription_shows_what_was_agreed(call: Call, acme: Ids) -> None:
    found = (await call("GET", f"/v1/subscriptions/{acme.subscription}")).json()
    assert found["agreed"]["change_id"] == acme.change("done")
    assert [change["state"] for change in found["open_changes"]] == ["waiting", "pending"]
    assert found["entitlements"][0]["because"][0]["subscription_id"] == acme.subscription


async def test_changes_are_of_a_subscription_or_an_account(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn, change_row(acme, "acct", "pending", subject=acme.account, subscription_id=None)
        )

    async def found(query: str) -> list[str]:
        page = (await call("GET", f"/v1/changes?{query}", "changes:read")).json()
        return [change["change_id"].rsplit("_", 1)[1] for change in page["items"]]

    of_account = f"subject=account%3A{acme.customer}"
    assert await found(of_account) == ["acct"]
    assert await found(f"subscription={acme.subscription}") == ["next", "waits", "done"]
    assert await found(f"subject={acme.subscription}") == ["next", "waits", "done"]
    both = await call("GET", f"/v1/changes?subscription={acme.subscription}&{of_account}")
    assert both.status_code == 422

    shown = (await call("GET", f"/v1/changes/{acme.change('acct')}")).json()
    assert (shown["change"]["subscription_id"], shown["change"]["subject"]) == (None, acme.account)
    first = shown["timeline"][0]
    assert (first["what"], first["document"]) == ("account changed", acme.customer)
    assert shown["words"].endswith("changes of an account are made one after the other.")


async def test_a_change_says_what_each_half_of_it_waits_for(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(
                acme,
                "exc_access",
                "waits",
                track="access",
                owner="support",
                code="organization_unknown",
                message="no organisation",
                opened_at=NOON + timedelta(minutes=1),
            ),
        )
    found = (await call("GET", f"/v1/changes/{acme.change('waits')}")).json()
    assert [raised["track"] for raised in found["exceptions"]] == ["books", "access"]
    assert found["words"].startswith("Waits for finance: billing item ai has no ERP item")
    assert "Waits for support: no organisation." in found["words"]


async def test_a_mapping_is_set_and_says_what_it_replaced(call: Call, acme: Ids) -> None:
    wanted = {"item": {"item": "pro", "erp_item": "PRO-2", "per_unit": ["seats"]}}
    first = (await call("PUT", "/v1/mappings", "mappings:write", json=wanted)).json()
    assert first["changed"]
    assert first["replaced"]["target"]["erp_item"] == acme.mark
    assert first["mapping"]["set_by"] == "desk"
    again = (await call("PUT", "/v1/mappings", "mappings:write", json=wanted)).json()
    assert not again["changed"]
    listed = (await call("GET", "/v1/mappings?kind=item")).json()["items"]
    assert [row["target"]["erp_item"] for row in listed] == ["PRO-2"]


async def test_a_mapping_is_set_for_later(call: Call, acme: Ids, context: AppContext) -> None:
    async def put(erp_item: str, day: str | None) -> httpx.Response:
        wanted = {"item": {"item": "pro", "erp_item": erp_item}, "valid_from": day}
        return await call("PUT", "/v1/mappings", "mappings:write", json=wanted)

    async def listed() -> list[tuple[str, str, str | None]]:
        page = (await call("GET", "/v1/mappings?kind=item")).json()["items"]
        return [
            (row["target"]["erp_item"], row["valid_from"][:10], (row["valid_to"] or "")[:10])
            for row in page
        ]

    later = (await put("PRO-2", "2099-06-01")).json()
    assert (later["changed"], later["mapping"]["valid_from"]) == (True, "2099-06-01T00:00:00Z")
    assert later["replaced"]["target"]["erp_item"] == acme.mark
    assert not (await put("PRO-2", "2099-06-01")).json()["changed"]
    sooner = (await put("PRO-1", "2099-01-01")).json()
    assert sooner["replaced"]["target"]["erp_item"] == acme.mark
    now = (await put("PRO-0", None)).json()
    assert now["mapping"]["valid_to"] == "2099-01-01T00:00:00Z"
    assert [row[0] for row in await listed()] == ["PRO-0", "PRO-1", "PRO-2"]
    assert (await listed())[1:] == [
        ("PRO-1", "2099-01-01", "2099-06-01"),
        ("PRO-2", "2099-06-01", ""),
    ]
    assert await _walk(call, "/v1/mappings?limit=1", "source") == [acme.customer, *["pro"] * 3]
    for day in ("2026-01-01", "9999-12-31"):
        assert (await put("PRO-9", day)).status_code == 422

    berlin = context.tenants["acme"].model_copy(
        update={"policy": TenantPolicy(time_zone="Europe/Berlin")}
    )
    zoned = AppContext(context.database, context.engine, {"acme": berlin})
    made = await mappings.put(
        zoned,
        "acme",
        ItemMapping(item="pro", erp_item="PRO-3"),
        by="anna",
        valid_from=date(2099, 12, 1),
    )
    assert made.mapping.valid_from == datetime(2099, 11, 30, 23, tzinfo=UTC)


async def _walk(call: Call, path: str, key: str) -> list[str]:
    seen: list[str] = []
    while path:
        answer = await call("GET", path)
        assert answer.status_code == 200, answer.text
        seen += [row[key] for row in answer.json()["items"]]
        path = _next(answer)
        following = parse_qs(urlparse(path).query).get("cursor", [None])[0]
        assert following == answer.json()["next"]
    return seen


def _next(answer: httpx.Response) -> str:
    link = answer.links.get("next")
    return link["url"] if link else ""


async def test_changes_are_found_by_what_they_came_to(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            change_row(acme, "off", "settled", outcome="cancelled"),
            change_row(acme, "again", "settled", outcome="completed", requeued=2),
        )

    async def found(query: str) -> list[str]:
        answer = await call("GET", f"/v1/changes?{query}", "changes:read")
        return [item["change_id"] for item in answer.json()["items"]]

    assert await found("outcome=cancelled") == [acme.change("off")]
    assert await found("lost=true") == [acme.change("again")]
    assert acme.change("off") in await found("lost=false")
    assert (await call("GET", "/v1/changes?outcome=won", "changes:read")).status_code == 422
