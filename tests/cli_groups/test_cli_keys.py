"""API keys by the command line: made once, listed without their secret, rotated, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical_models.endings import ENDING, Ending
from persistence import key_usage, keys
from persistence.database import Database
from persistence.keys import ApiKey
from tests.cli_groups.conftest import Trueup


async def found(database: Database, raw: str) -> ApiKey | None:
    async with database.transaction() as conn:
        return await keys.find(conn, raw)


async def shown(trueup: Trueup, key_id: str) -> Any:
    listed = await trueup("keys", "list", "-o", "json")
    return next(entry for entry in listed.json["items"] if entry["key_id"] == key_id)


async def test_a_key_opens_until_it_is_revoked(trueup: Trueup, database: Database) -> None:
    made = await trueup("keys", "create", "portal", "--scope", "entitlements:read", "-o", "json")
    raw = made.json["key"]
    key = await found(database, raw)
    assert key is not None
    assert (key.tenant, key.name, key.scopes) == ("acme", "portal", ("entitlements:read",))
    assert made.json["key_id"] == key.key_id == keys.id_of(raw)
    assert key.key_id.startswith("tk_")
    assert (await trueup("keys", "list", "-o", "json")).out.count(raw) == 0
    assert (await shown(trueup, key.key_id))["name"] == "portal"

    # As it was called before, too.
    revoked = await trueup("keys", "revoke", key.key_id.removeprefix("tk_"))
    assert revoked.code == 0
    assert await found(database, raw) is None


async def test_a_key_expires(trueup: Trueup, database: Database) -> None:
    made = await trueup(
        *("keys", "create", "portal", "--scope", "events:read", "--days", "30", "-o", "json")
    )
    until = datetime.fromisoformat(made.json["expires_at"])
    assert timedelta(days=29) < until - datetime.now(UTC) <= timedelta(days=30)
    assert await found(database, made.json["key"]) is not None
    async with database.transaction() as conn:
        await conn.execute("update api_keys set expires_at = now() where name = 'portal'")
    assert await found(database, made.json["key"]) is None


async def test_the_last_use_is_kept_once_a_minute(trueup: Trueup, database: Database) -> None:
    made = await trueup("keys", "create", "portal", "--scope", "events:read", "-o", "json")
    raw, key_id = made.json["key"], made.json["key_id"]
    assert (await shown(trueup, key_id))["last_used_at"] is None
    await found(database, raw)
    first = (await shown(trueup, key_id))["last_used_at"]
    assert first is not None
    await found(database, raw)
    assert (await shown(trueup, key_id))["last_used_at"] == first
    async with database.transaction() as conn:
        await conn.execute("update api_keys set last_used_at = now() - interval '61 seconds'")
    before = (await shown(trueup, key_id))["last_used_at"]
    await found(database, raw)
    assert (await shown(trueup, key_id))["last_used_at"] > before


async def test_a_rotated_key_opens_for_its_grace_and_its_successor_from_now_on(
    trueup: Trueup, database: Database
) -> None:
    made = (await trueup("keys", "create", "portal", "--scope", "events:read", "-o", "json")).json
    rotated = await trueup("keys", "rotate", made["key_id"], "--hours", "2", "-o", "json")
    assert rotated.code == 0, rotated.err
    assert rotated.json["replaces"] == made["key_id"]
    new, old = await found(database, rotated.json["key"]), await found(database, made["key"])
    assert new is not None
    assert old is not None
    assert (new.name, new.scopes, new.expires_at) == ("portal", ("events:read",), None)
    assert old.expires_at is not None
    assert old.expires_at - datetime.now(UTC) <= timedelta(hours=2)
    # Doing it again gives the old one no more time.
    again = await trueup("keys", "rotate", made["key_id"], "--hours", "48", "-o", "json")
    assert datetime.fromisoformat(again.json["until"]) == old.expires_at

    assert (await trueup("keys", "rotate", made["key_id"], "--hours", "0")).code == 0
    assert await found(database, made["key"]) is None
    assert (await trueup("keys", "rotate", made["key_id"])).code == 4
    assert (await trueup("keys", "rotate", "tk_0000000000000000")).code == 3


async def test_a_scope_that_does_not_exist_is_refused(trueup: Trueup) -> None:
    said = await trueup("keys", "create", "portal", "--scope", "everything")
    assert said.code == 2
    assert "there is no scope everything" in said.err
    assert "entitlements:read" in said.err


async def test_revoking_an_unknown_key_is_not_found(trueup: Trueup) -> None:
    said = await trueup("keys", "revoke", "0000000000000000")
    assert said.code == 3


async def test_who_uses_what_is_to_end_is_read_before_it_does(
    trueup: Trueup, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await trueup("keys", "create", "portal", "--scope", "grants:read", "-o", "json")
    assert made.code == 2, "a scope that is none"
    made = await trueup("keys", "create", "portal", "--scope", "events:read", "-o", "json")
    key_id = made.json["key_id"]
    async with database.transaction() as conn:
        for operation in ("GET /v1/events", "GET /v1/streams"):
            await key_usage.note(conn, "acme", key_id, operation)
    none = await trueup("keys", "usage", "--ending")
    assert (none.code, none.out) == (0, "")
    assert "no operation is to end" in none.err

    gone = Ending(
        deprecated=datetime(2027, 1, 1, tzinfo=UTC),
        sunset=datetime(2027, 7, 1, tzinfo=UTC),
        instead="/v1/streams",
    )
    monkeypatch.setitem(ENDING, "GET /v1/events", gone)
    monkeypatch.setitem(ENDING, "GET /v1/dunning", Ending(datetime(2027, 1, 1, tzinfo=UTC)))
    said = await trueup("keys", "usage", "--ending", "-o", "json")
    (use,) = said.json["items"]
    assert (use["operation"], use["key_id"], use["holder"]) == ("GET /v1/events", key_id, "portal")
    assert (use["state"], use["instead"]) == ("deprecated", "/v1/streams")
    assert datetime.fromisoformat(use["sunset_at"]) == gone.sunset
    assert said.json["unused"] == ["GET /v1/dunning"]

    table = await trueup("keys", "usage", "--ending")
    assert "2027-07-01; use /v1/streams" in table.out
    assert "GET /v1/streams" not in table.out
    assert "GET /v1/dunning is to end, and no key has used it." in table.err
    everything = await trueup("keys", "usage", "-o", "json")
    assert [one["state"] for one in everything.json["items"]] == ["deprecated", "stable"]
    assert everything.json["unused"] == []
