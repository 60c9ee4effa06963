"""/v1/audit: what was done, by whom, to what; each tenant its own."""

from datetime import UTC, datetime, timedelta

from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.audit.written import all_sealed, begun, confirmed, decided, told, undone, webhook


async def test_it_says_who_did_what_from_where_to_what_and_why(
    call: Call, database: Database
) -> None:
    event = await webhook(database)
    await told(database, by="Dana", reason="paid by hand", change_id="chg_9")
    effect = await begun(database)
    await confirmed(database, effect)
    await all_sealed(database)
    await undone(database, effect.key)
    await decided(database)
    await all_sealed(database)
    found = (await call("GET", "/v1/audit", "audit:read")).json()["items"]
    said = [(each["who"], each["origin"], each["action"]) for each in found]
    assert said == [
        ("Fay", "api 192.0.2.7", "correct: done"),
        ("Fay", "api 192.0.2.7", "correct"),
        ("trueup", "chg_acme", "undo: post invoice"),
        ("trueup", "chg_acme", "post invoice"),
        ("Dana", "chg_9", "io.trueup.invoice.posted.v1"),
        ("billing", "webhook", "invoice.paid"),
    ]
    decision, undo = found[1], found[2]
    assert (decision["before"], decision["after"]) == ({"item": None}, {"item": "AI-ADDON"})
    assert decision["reason"] == "agreed with Ann"
    assert decision["object"].startswith("exc_")
    assert undo["before"]["reference"] == "INV-1"
    assert undo["after"]["reference"] == "CN-1"
    assert event in found[-1]["objects"]
    assert "Ann" not in str(found[-1])


async def test_pages_cover_it_once_and_filters_tell_apart(call: Call, database: Database) -> None:
    for number in range(7):
        await told(database, change_id=f"chg_{number % 2}")
    await all_sealed(database)
    seen: list[int] = []
    query = "/v1/audit?limit=3"
    while query:
        answer = await call("GET", query, "audit:read")
        seen += [each["number"] for each in answer.json()["items"]]
        following = answer.json()["next"]
        query = f"/v1/audit?limit=3&cursor={following}" if following else ""
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    about = (await call("GET", "/v1/audit?object=chg_1", "audit:read")).json()["items"]
    assert [each["number"] for each in about] == [6, 4, 2]
    later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, count in ((f"since={later}", 0), (f"until={later}", 7)):
        found = await call("GET", f"/v1/audit?{query}", "audit:read")
        assert len(found.json()["items"]) == count


async def test_nothing_is_seen_of_another_tenant(
    call: Call, database: Database, acme: Ids, globex: Ids
) -> None:
    for tenant in ("acme", "globex"):
        await decided(database, tenant)
    await all_sealed(database)
    for ours, other in ((acme, globex), (globex, acme)):
        answer = await call("GET", "/v1/audit?limit=200", "audit:read", tenant=ours.tenant)
        assert answer.json()["items"]
        assert other.mark not in answer.text
        assert f"chg_{other.tenant}" not in answer.text
        about = f"/v1/audit?object={other.change('done')}"
        assert (await call("GET", about, "audit:read", tenant=ours.tenant)).json()["items"] == []
