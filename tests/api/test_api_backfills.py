"""`/v1/backfills`: begun once, shown with what was found, and nobody else's."""

from tests.api.conftest import Call
from tests.api.seeding import Ids

WRITE = "backfill:write"


async def test_it_is_begun_and_shown(call: Call, acme: Ids) -> None:
    asked = {"subject": "history", "since": "2020-01-01T00:00:00Z", "reason": "a lost weekend"}
    made = await call("POST", "/v1/backfills", WRITE, json=asked)
    assert made.status_code == 202, made.text
    path = made.headers["location"]
    found = (await call("GET", path, "batches:read")).json()
    assert found["of"]["rehearsal"] is True
    assert found["of"]["selection"]["since"] == "2020-01-01T00:00:00Z"
    assert found["batch"]["counts"]["not_begun"] > 0
    assert (found["agree"], found["writes"], found["estimate"]) == (0, [], None)
    second = await call("POST", "/v1/backfills", WRITE, json=asked)
    assert (second.status_code, "is about the same" in second.text) == (409, True)
    stopped = await call("POST", f"/v1/batches/{found['batch']['batch_id']}/stop", "batches:write")
    assert stopped.json()["state"] == "stopped"


async def test_what_was_not_rehearsed_is_not_applied(call: Call, acme: Ids) -> None:
    asked = {"subject": "publish", "target": "support", "apply": True}
    refused = await call("POST", "/v1/backfills", WRITE, json=asked)
    assert refused.status_code == 409, refused.text
    assert "exactly this selection" in refused.json()["detail"]


async def test_what_does_not_go_together_is_said(call: Call, acme: Ids) -> None:
    for asked, words in (
        ({"subject": "history", "item": "prod_x"}, "does not go by item"),
        ({"subject": "mapping"}, "not said which mapping"),
        (
            {
                "subject": "history",
                "since": "2026-01-02T00:00:00Z",
                "until": "2026-01-01T00:00:00Z",
            },
            "ends before it begins",
        ),
    ):
        refused = await call("POST", "/v1/backfills", WRITE, json=asked)
        assert (refused.status_code, words in refused.text) == (422, True), refused.text


async def test_another_tenants_is_not_there(call: Call, acme: Ids) -> None:
    assert (await call("GET", "/v1/backfills/bfl_acme", "batches:read")).status_code == 200
    theirs = await call("GET", "/v1/backfills/bfl_acme", "batches:read", tenant="globex")
    assert theirs.status_code == 404
    assert (await call("GET", "/v1/backfills/bat_acme", "batches:read")).status_code == 404
