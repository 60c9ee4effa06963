"""What the command line refuses is in the security log: who, what, about what, and as which
request; never what else was typed."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canonical_models.acts import Role
from persistence.database import Database
from runtime import security
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup, trueup_with
from tests.harness.people import keep_key, personal_key


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "_LOG", security.SecurityLog())


@pytest.fixture
async def vera(
    settings_file: Callable[..., Path],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueup:
    """Who may look and nothing else."""
    keep_key(tmp_path, await personal_key(database, "acme", "vera", Role.VIEWER))
    return trueup_with(settings_file("acme"), monkeypatch)


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "logs" / "security.log"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_a_refused_command_is_a_line_of_the_security_log(
    vera: Trueup, acme: Ids, tmp_path: Path
) -> None:
    assert (await vera("changes", "list")).code == 0
    assert lines(tmp_path) == []

    refused = await vera("changes", "hold", acme.change("next"), "--reason", "a secret of Jo")
    assert refused.code == 4
    (line,) = lines(tmp_path)
    assert line.pop("timestamp")
    assert line.pop("request_id").startswith("cmd_")
    assert line == {
        "service": "cli",
        "level": "warning",
        "logger": "trueup.security",
        "message": "refused",
        "reason": "not_allowed",
        "detail": "vera may not hold, release, cancel and signal changes",
        "tenant": "acme",
        "who": "vera",
        "route": "trueup changes hold",
        "act": "changes:write",
        "about": acme.change("next"),
    }
    path = tmp_path / "logs" / "security.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    # What has no object, or has it among its options, and what is decided of an exception.
    await vera("people", "role", "sam", "viewer")
    await vera("invoices", "sync")
    await vera("exceptions", "resolve", acme.exception, "retry", "--note", "by Jo")
    said = [(line["act"], line.get("about")) for line in lines(tmp_path)[1:]]
    assert said == [
        ("people:write", "sam"),
        ("invoices:write", None),
        ("exceptions:write", acme.exception),
    ]
    assert "Jo" not in path.read_text(encoding="utf-8")
    ids = {line["request_id"] for line in lines(tmp_path)}
    assert len(ids) == 4


async def test_a_key_that_opens_nothing_is_one_too(
    vera: Trueup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_KEY", "tu_wrong")
    assert (await vera("changes", "list")).code == 4
    (line,) = lines(tmp_path)
    assert (line["reason"], line["route"]) == ("unknown_key", "trueup changes list")
    assert "who" not in line
    assert "tu_wrong" not in str(line)


async def test_where_no_file_can_be_written_it_is_said_on_stderr(
    vera: Trueup, tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("not a folder", encoding="utf-8")
    refused = await vera("cash", "look")
    assert refused.code == 4
    line = json.loads(next(each for each in refused.err.splitlines() if each.startswith("{")))
    assert (line["act"], line["who"]) == ("invoices:write", "vera")
