"""API keys by the command line: made once, listed without their secret, revoked for good."""

from persistence import keys
from persistence.database import Database
from tests.cli_groups.conftest import Trueup


async def test_a_key_opens_until_it_is_revoked(trueup: Trueup, database: Database) -> None:
    made = await trueup("keys", "create", "portal", "--scope", "entitlements:read", "-o", "json")
    raw = made.json["key"]
    async with database.transaction() as conn:
        key = await keys.find(conn, raw)
    assert key is not None
    assert (key.tenant, key.name, key.scopes) == ("acme", "portal", ("entitlements:read",))

    listed = await trueup("keys", "list", "-o", "json")
    assert raw not in listed.out
    assert [entry["key_id"] for entry in listed.json] == [key.key_id]

    revoked = await trueup("keys", "revoke", key.key_id)
    assert revoked.code == 0
    async with database.transaction() as conn:
        assert await keys.find(conn, raw) is None


async def test_a_scope_that_does_not_exist_is_refused(trueup: Trueup) -> None:
    said = await trueup("keys", "create", "portal", "--scope", "everything")
    assert said.code == 2
    assert "there is no scope everything" in said.err
    assert "entitlements:read" in said.err


async def test_revoking_an_unknown_key_is_not_found(trueup: Trueup) -> None:
    said = await trueup("keys", "revoke", "0000000000000000")
    assert said.code == 3
