"""Grants by people, and whether a feature may be used."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical_models.base import isoformat
from canonical_models.entitlement import SubscriptionSupport
from persistence import support_contributions
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.harness.flow import write

WANTED = {"customer_id": "cus_acme", "feature": "sso", "reason": "pilot, ticket 4711"}


async def give(call: Call, key: str | None = None, **more: object) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    given = await call(
        "POST", "/v1/grants", "entitlements:write", json={**WANTED, **more}, headers=headers
    )
    assert given.status_code == 200, given.text
    return given.json()


async def check(call: Call, feature: str = "sso", at: datetime | None = None) -> Any:
    asked = {"customer": "cus_acme", "feature": feature}
    if at is not None:
        asked["at"] = at.isoformat()
    answer = await call("GET", "/v1/entitlements/check", "entitlements:read", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def revision(database: Database, customer: str = "cus_acme") -> int:
    """How often the process of support has been told of news; 0 before the first."""
    async with database.statement() as conn:
        found = await conn.execute(
            "select news, input ->> 'key' from processes where workflow_id = %s",
            (f"entitlement/acme/{customer}/support",),
        )
        row = await found.fetchone()
    assert row is None or row[1] == customer
    return row[0] if row else 0


async def timed(call: Call) -> list[Any]:
    """What the feed tells of entitlements that people changed."""
    feed = (await call("GET", "/v1/events")).json()["items"]
    return [told["data"]["features"] for told in feed if told["type"].endswith("timed.v1")]


async def test_a_grant_gives_and_every_target_hears_of_it(
    call: Call, acme: Ids, database: Database
) -> None:
    made = await give(call, quantity=3)
    assert made["changed"]
    assert made["grant"]["grant_id"].startswith("grt_")
    assert (made["grant"]["status"], made["grant"]["by"]) == ("live", "desk")
    assert made["grant"]["grant"]["reason"] == WANTED["reason"]
    assert await revision(database) == 1
    assert await timed(call) == [{"seats": 10, "sso": 3}]
    checked = await check(call)
    assert (checked["allowed"], checked["quantity"], checked["until"]) == (True, 3, None)
    assert checked["because"][0]["source_id"] == made["grant"]["grant_id"]
    listed = (await call("GET", "/v1/grants?customer=cus_acme")).json()["items"]
    assert [(row["grant"]["feature"], row["by"]) for row in listed] == [
        ("seats", acme.change("done")),
        ("sso", "desk"),
    ]


async def test_the_same_key_gives_once(call: Call, acme: Ids, database: Database) -> None:
    first = await give(call, "ticket-4711")
    again = await give(call, "ticket-4711")
    assert not again["changed"]
    assert again["grant"] == first["grant"]
    other = await call(
        "POST",
        "/v1/grants",
        json={**WANTED, "quantity": 2},
        headers={"idempotency-key": "ticket-4711"},
    )
    assert other.status_code == 409
    assert "idempotency key" in other.json()["detail"]
    assert await revision(database) == 1
    # The answer is the grant as it has become, also after its end.
    key = first["grant"]["grant_id"]
    await call("DELETE", f"/v1/grants/{key}", "entitlements:write")
    late = await give(call, "ticket-4711")
    assert (late["changed"], late["grant"]["status"]) == (False, "ended")
    # A key is one tenant's own.
    elsewhere = await call(
        "POST",
        "/v1/grants",
        tenant="globex",
        json=WANTED,
        headers={"idempotency-key": "ticket-4711"},
    )
    assert elsewhere.json()["changed"]
    assert elsewhere.json()["grant"]["grant_id"] != key


async def test_without_a_key_each_request_gives_another(call: Call, acme: Ids) -> None:
    await give(call)
    await give(call, quantity=2)
    checked = await check(call)
    assert (checked["quantity"], len(checked["because"])) == (3, 2)


async def test_a_grant_ends_at_once_or_after_a_grace(
    call: Call, acme: Ids, database: Database
) -> None:
    key = (await give(call))["grant"]["grant_id"]
    path = f"/v1/grants/{key}"
    grace = (await call("DELETE", f"{path}?grace_days=14", "entitlements:write")).json()
    assert (grace["changed"], grace["grant"]["status"]) == (True, "live")
    end = datetime.fromisoformat(grace["grant"]["grant"]["ends_at"])
    assert timedelta(days=13) < end - datetime.now(UTC) < timedelta(days=15)
    assert (await check(call))["until"] == grace["grant"]["grant"]["ends_at"]
    after = await check(call, at=end + timedelta(seconds=1))
    assert not after["allowed"]
    assert after["because_not"][0]["why"] == f"ended at {isoformat(end)}"

    longer = (await call("DELETE", f"{path}?grace_days=60")).json()
    assert not longer["changed"]
    ended = (await call("DELETE", path)).json()
    assert (ended["changed"], ended["grant"]["status"]) == (True, "ended")
    assert not (await call("DELETE", path)).json()["changed"]
    assert not (await check(call))["allowed"]
    assert await revision(database) == 3
    assert await timed(call) == [{"seats": 10, "sso": 1}, {"seats": 10, "sso": 1}, {"seats": 10}]
    for move in ("suspend", "restore"):
        answer = await call("POST", f"{path}/{move}", json={"reason": "late"})
        assert answer.status_code == 409
        assert "has ended" in answer.json()["detail"]


async def test_a_suspended_grant_says_why_and_is_restored_as_it_was(
    call: Call, acme: Ids, database: Database
) -> None:
    made = await give(call)
    path = f"/v1/grants/{made['grant']['grant_id']}"
    held = (await call("POST", f"{path}/suspend", json={"reason": "not agreed on"})).json()
    assert (held["changed"], held["grant"]["status"]) == (True, "suspended")
    again = await call("POST", f"{path}/suspend", json={"reason": "another"})
    assert not again.json()["changed"]
    checked = await check(call)
    assert not checked["allowed"]
    assert [found["why"] for found in checked["because_not"]] == ["not agreed on"]
    listed = (await call("GET", "/v1/entitlements?customer=cus_acme")).json()
    assert [found["why"] for found in listed["held_back"]] == ["not agreed on"]

    back = (await call("POST", f"{path}/restore", "entitlements:write")).json()
    assert (back["changed"], back["grant"]["status"]) == (True, "live")
    assert back["grant"]["grant"] == made["grant"]["grant"]
    assert not (await call("POST", f"{path}/restore")).json()["changed"]
    assert await revision(database) == 3


async def test_a_grant_that_has_not_begun_gives_later(call: Call, acme: Ids) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    made = await give(call, source="trial", starts_at=begins.isoformat())
    assert made["grant"]["status"] == "not_begun"
    # Nothing that holds now has changed, so there is nothing to tell.
    assert await timed(call) == []
    now = await check(call)
    assert not now["allowed"]
    assert now["because_not"][0]["why"] == f"begins at {isoformat(begins)}"
    assert (await check(call, at=begins))["allowed"]
    gone = (await call("DELETE", f"/v1/grants/{made['grant']['grant_id']}")).json()
    assert gone["grant"]["status"] == "ended"
    assert not (await check(call, at=begins + timedelta(days=1)))["allowed"]


async def test_a_subscriptions_grant_follows_the_subscription(
    call: Call, acme: Ids, database: Database
) -> None:
    path = f"/v1/grants/{acme.mark}"
    for method, where, body in (
        ("DELETE", path, None),
        ("POST", f"{path}/suspend", {"reason": "x"}),
        ("POST", f"{path}/restore", None),
    ):
        answer = await call(method, where, "entitlements:write", json=body)
        assert answer.status_code == 409
        assert "change the subscription in billing" in answer.json()["remedy"]
    await write(
        database, "update grants set state = 'suspended', reason = 'suspended until it is paid'"
    )
    checked = await check(call, "seats")
    assert not checked["allowed"]
    assert checked["because_not"][0]["why"] == "suspended until it is paid"


async def test_what_is_not_there_cannot_be_changed(call: Call, acme: Ids) -> None:
    mine = (await give(call))["grant"]["grant_id"]
    for key, tenant in (("grt_none", "acme"), (mine, "globex")):
        for method, where in (("DELETE", ""), ("POST", "/suspend"), ("POST", "/restore")):
            answer = await call(
                method, f"/v1/grants/{key}{where}", tenant=tenant, json={"reason": "x"}
            )
            assert answer.status_code == 404
    assert (await check(call))["allowed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"source": "subscription"},
        {"reason": ""},
        {"starts_at": "2026-01-01T00:00:00"},
        {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
        {"ends_at": "2001-01-01T00:00:00Z"},
        {"starts_at": "0001-01-01T00:00:00+14:00"},
        {"ends_at": "9999-12-31T23:59:59-14:00"},
        {"grant_id": "grt_mine"},
    ],
)
async def test_a_grant_that_makes_no_sense_is_refused(wrong: dict[str, object], call: Call) -> None:
    answer = await call("POST", "/v1/grants", json={**WANTED, **wrong})
    assert answer.status_code == 422, answer.text
    assert (await call("GET", "/v1/grants?customer=cus_acme")).json()["items"] == []


async def test_pages_of_grants_cover_each_once(call: Call, acme: Ids) -> None:
    made = [(await give(call, feature=f"f{place}"))["grant"]["grant_id"] for place in range(3)]
    made += [(await give(call, feature="f0"))["grant"]["grant_id"]]
    seen: list[str] = []
    path = "/v1/grants?customer=cus_acme&limit=2"
    while path:
        answer = await call("GET", path)
        seen += [row["grant_id"] for row in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert sorted(seen) == sorted([*made, acme.mark])


async def test_targets_are_told_again_on_request(call: Call, acme: Ids, database: Database) -> None:
    await give(call)
    before = await revision(database)
    async with database.transaction() as conn:
        share = SubscriptionSupport(tier=None, contract_end=None, features=("sso",))
        await support_contributions.put(
            conn, "acme", "given:cus_acme", "org", share, customer_id="cus_acme"
        )
    told = await call("POST", "/v1/targets/publish?customer=cus_acme", "entitlements:write")
    assert (told.status_code, told.json()) == (200, {"customers": {"support": 1}})
    assert await revision(database) == before + 1
    for path in ("publish?target=nowhere", "publish?customer=cus_nobody", "check?target=nowhere"):
        assert (await call("POST", f"/v1/targets/{path}")).status_code == 404
    away = await call("POST", "/v1/targets/check")
    assert away.status_code == 503
