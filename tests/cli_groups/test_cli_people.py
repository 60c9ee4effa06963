"""People by the command line: how it begins, how one comes in and leaves, and who is recorded."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from canonical_models.acts import Role
from cli.output import ExitCode
from persistence import keys, mappings
from persistence.database import Database
from tests.cli_groups.conftest import Said, Trueup, trueup_with
from tests.harness.people import keep_key, personal_key

MAP = ("mappings", "set", "item", "prod_x", "--erp-item", "X")


@pytest.fixture
def unsigned(settings_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Trueup:
    """Nobody is signed in, and nobody belongs to the tenant."""
    return trueup_with(settings_file("acme"), monkeypatch)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What comes on standard input."""

    def typing(line: str) -> None:
        monkeypatch.setattr("cli.people.secret", lambda _what, **_more: line)
        monkeypatch.setattr("cli.login.secret", lambda _what, **_more: line)

    return typing


Typed = Callable[[str], None]


async def invited(trueup: Trueup, typed: Typed, name: str, *roles: str) -> Said:
    words = [word for role in roles for word in ("--role", role)]
    added = await trueup("people", "add", name, *words)
    assert added.code == 0, added.err
    invitation = await trueup("people", "invite", name)
    assert invitation.code == 0, invitation.err
    typed(invitation.out.strip())
    return await trueup("login")


async def test_the_first_who_administers_is_added_by_whoever_has_the_configuration(
    unsigned: Trueup, typed: Typed, database: Database, tmp_path: Path
) -> None:
    came = await invited(unsigned, typed, "ada", "admin")
    assert came.code == 0, came.err
    assert "Signed in to acme as ada (admin) until " in came.err
    file = tmp_path / "secrets" / "operator-key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await unsigned("people", "list")).code == 0

    # From now on nobody does it without a key, and the invitation is used.
    assert (await unsigned("login")).code == ExitCode.CONFLICT
    file.unlink()
    refused = await unsigned("people", "add", "mallory", "--role", "admin")
    assert refused.code == ExitCode.CONFLICT
    assert "trueup login" in refused.err
    assert "mallory" not in str(await _names(database))


async def test_an_invitation_that_was_lost_locks_nobody_out(unsigned: Trueup) -> None:
    assert (await unsigned("people", "add", "ada", "--role", "admin")).code == 0
    assert (await unsigned("people", "invite", "ada")).code == 0
    assert (await unsigned("people", "invite", "ada")).code == 0


async def _names(database: Database) -> list[str]:
    async with database.statement() as conn:
        found = await conn.execute("select name from people")
        return [name for (name,) in await found.fetchall()]


async def test_without_a_key_one_sees_and_changes_nothing(
    unsigned: Trueup, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "the-cfo")
    await personal_key(database, "acme", "ada", Role.ADMIN)
    assert (await unsigned("mappings", "list")).code == 0
    said = await unsigned(*MAP)
    assert said.code == ExitCode.CONFLICT
    assert "the installation may not set account and item mappings" in said.err
    assert "trueup login" in said.err
    assert "TRUEUP_KEY" in said.err
    assert "the-cfo" not in said.err
    raw = await unsigned("inbox", "show", "rcp_1", "--raw")
    assert raw.code == ExitCode.CONFLICT


async def test_what_is_recorded_is_the_persons_name(
    unsigned: Trueup, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "the-cfo")
    monkeypatch.setenv("TRUEUP_KEY", await personal_key(database, "acme", "fay", Role.FINANCE))
    assert (await unsigned(*MAP)).code == 0
    async with database.statement() as conn:
        (mapped,) = await mappings.page(conn, "acme")
    assert mapped.set_by == "fay"


async def test_a_role_holds_from_the_next_command_on(
    unsigned: Trueup, trueup: Trueup, database: Database, tmp_path: Path
) -> None:
    fays = await personal_key(database, "acme", "fay", Role.VIEWER)
    (anna,) = (tmp_path / "secrets" / "operator-key").read_text().split()

    async def maps(*roles: str) -> int:
        keep_key(tmp_path, anna)
        assert (await trueup("people", "role", "fay", *roles)).code == 0
        keep_key(tmp_path, fays)
        return (await trueup(*MAP)).code

    assert await maps("finance", "viewer") == 0
    assert await maps("viewer") == ExitCode.CONFLICT


async def test_who_is_removed_is_out_at_once(
    trueup: Trueup, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = await personal_key(database, "acme", "fay", Role.FINANCE)
    assert (await trueup("people", "remove", "fay")).code == 0
    async with database.transaction() as conn:
        assert await keys.find(conn, raw) is None
        (kept,) = [key for key in await keys.page(conn, "acme") if key.name == "fay"]
    assert kept.revoked_at is not None
    monkeypatch.setenv("TRUEUP_KEY", raw)
    said = await trueup("mappings", "list")
    assert said.code == ExitCode.CONFLICT
    assert "the key in $TRUEUP_KEY is not known, has expired, or has been revoked" in said.err


async def test_somebody_always_administers(trueup: Trueup) -> None:
    for words in (("role", "anna", "finance"), ("remove", "anna")):
        said = await trueup("people", *words)
        assert said.code == ExitCode.CONFLICT
        assert "nobody but anna administers acme" in said.err
    assert (await trueup("people", "add", "ada", "--role", "admin")).code == 0
    assert (await trueup("people", "role", "anna", "finance")).code == 0


async def test_who_belongs_to_another_company_too_is_not_invited_by_one(
    trueup: Trueup, database: Database
) -> None:
    await personal_key(database, "globex", "gus", Role.ADMIN)
    added = await trueup("people", "add", "gus", "--role", "viewer")
    assert "had an account already" in added.err
    said = await trueup("people", "invite", "gus")
    assert said.code == ExitCode.CONFLICT
    assert (await trueup("people", "invite", "nobody")).code == ExitCode.NOT_FOUND


async def test_a_password_signs_in_and_is_never_an_argument(
    trueup: Trueup, typed: Typed, tmp_path: Path
) -> None:
    typed("short")
    said = await trueup("people", "password")
    assert said.code == ExitCode.USAGE
    assert "12 to 256 characters" in said.err
    typed("correct horse battery")
    assert (await trueup("people", "password")).code == 0
    before = (tmp_path / "secrets" / "operator-key").read_text()
    came = await trueup("login", "--name", "anna")
    assert came.code == 0, came.err
    assert (tmp_path / "secrets" / "operator-key").read_text() != before
    typed("correct horse batterie")
    wrong = await trueup("login", "--name", "anna")
    nobody = await trueup("login", "--name", "nobody")
    assert wrong.code == ExitCode.CONFLICT
    assert wrong.err == nobody.err
    log = (tmp_path / "logs" / "security.log").read_text(encoding="utf-8")
    told = [json.loads(line) for line in log.splitlines()]
    assert [(each["reason"], each["route"], each["tenant"]) for each in told] == [
        ("sign_in_refused", "trueup login", "acme")
    ] * 2
    assert all(each["request_id"].startswith("cmd_") for each in told)
    assert "correct horse" not in log
    assert "nobody" not in log


async def test_who_signs_out_gives_the_key_back(
    trueup: Trueup, database: Database, tmp_path: Path
) -> None:
    (raw,) = (tmp_path / "secrets" / "operator-key").read_text().split()
    assert "anna is signed out of acme" in (await trueup("logout")).err
    async with database.transaction() as conn:
        assert await keys.find(conn, raw) is None
    assert (tmp_path / "secrets" / "operator-key").read_text() == ""
    assert "Nobody was signed in" in (await trueup("logout")).err


async def test_a_programs_key_outlives_who_signs_out(
    trueup: Trueup, typed: Typed, database: Database
) -> None:
    made = await trueup("keys", "create", "portal", "--scope", "mappings:read", "-o", "json")
    typed(made.json["key"])
    assert "as portal (a program)" in (await trueup("login")).err
    assert (await trueup("logout")).code == 0
    async with database.transaction() as conn:
        assert await keys.find(conn, made.json["key"]) is not None


async def test_a_key_is_printed_where_it_cannot_be_kept(
    trueup: Trueup, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await trueup("people", "add", "fay", "--role", "finance")).code == 0
    typed((await trueup("people", "invite", "fay")).out.strip())
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRUEUP_KEY_FILE", str(tmp_path / "file" / "key"))
    refused = await trueup("login")
    assert "--show" in refused.err
    # The invitation was not used up by that.
    shown = await trueup("login", "--show")
    assert shown.code == 0, shown.err
    monkeypatch.setenv("TRUEUP_KEY", shown.out.strip())
    assert (await trueup(*MAP)).code == 0


async def test_a_key_that_others_may_read_is_not_taken(trueup: Trueup, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "operator-key").chmod(0o640)
    said = await trueup("mappings", "list")
    assert said.code == ExitCode.USAGE
    assert "chmod 600" in said.err


async def test_a_file_has_a_key_for_each_tenant(
    settings_file: Callable[..., Path],
    typed: Typed,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trueup = trueup_with(settings_file("acme", "globex"), monkeypatch)
    for tenant in ("acme", "globex", "acme"):
        typed(await personal_key(database, tenant, "gus", Role.FINANCE))
        assert (await trueup("login", "--tenant", tenant)).code == 0
    assert len((tmp_path / "secrets" / "operator-key").read_text().split()) == 2
    for tenant in ("acme", "globex"):
        assert (await trueup(*MAP, "--tenant", tenant)).code == 0


@pytest.mark.parametrize("name", ["Fay", "fay fay", "", "fay\n", "../fay", "x" * 64])
async def test_a_name_that_cannot_be_is_refused(trueup: Trueup, name: str) -> None:
    said = await trueup("people", "add", name, "--role", "viewer")
    assert said.code == ExitCode.USAGE


async def test_an_email_is_one_persons(trueup: Trueup) -> None:
    words = ("--role", "viewer", "--email", "Fay@example.com")
    assert (await trueup("people", "add", "fay", *words)).code == 0
    said = await trueup("people", "add", "sam", *words)
    assert said.code == ExitCode.CONFLICT
    listed = await trueup("people", "list", "-o", "json")
    assert {one["name"]: one["email"] for one in listed.json["items"]} == {
        "anna": None,
        "fay": "fay@example.com",
    }
