"""`trueup connections check` and `setup`, with a settings file alone: no database, no engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.output import problem_of
from sandbox.simulators.child import running_child

KEY, TOKEN = "sk_test_PlantedKey0123456789", "PlantedToken0123456789"
SIGNING = "whsec_PlantedSigningSecret012345"

_SETTINGS = """
[database]
dsn = "postgresql://nobody@127.0.0.1:9/none"

[api]
public_url = "http://127.0.0.1:9/"

[tenants.acme]
billing = "billing"
erp = "billing"
support = "desk"

[tenants.acme.connections.billing]
vendor = "stripe"
base_url = "{stripe}"
books_from = 2026-01-01
secrets = {{ api_key = "file:key" }}
webhook_secrets = ["file:signing"]

[tenants.acme.connections.desk]
vendor = "zendesk"
base_url = "{zendesk}"
secrets = {{ token = "file:token" }}

[tenants.acme.connections.desk.options]
email = "sync@example.com"
"""


@pytest.fixture(scope="module")
async def vendors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("vendors")
    async with (
        running_child("sandbox.simulators.stripe", "--state", str(folder / "s.sqlite")) as stripe,
        running_child(
            *("sandbox.simulators.zendesk", "--state", str(folder / "z.sqlite")),
            *("--token", TOKEN, "--strict-fields"),
        ) as zendesk,
    ):
        yield {"stripe": stripe.url, "zendesk": zendesk.url}


def rewrite(settings: Path, old: str, new: str) -> None:
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))


@pytest.fixture
def settings(tmp_path: Path, vendors: dict[str, str]) -> Path:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "token").write_text(TOKEN)
    path = tmp_path / "trueup.toml"
    path.write_text(_SETTINGS.format(**vendors))
    return path


async def trueup(settings: Path, *words: str) -> tuple[int, Any, str]:
    """Exit code, what was on stdout (JSON where it is some), and all that was said."""
    typed = ["--config", str(settings), "connections", *words]
    result = await asyncio.to_thread(CliRunner().invoke, app, typed)
    said = result.output + result.stderr
    problem = problem_of(result.exception) if result.exception else None
    code = int(problem.code) if problem else result.exit_code
    said += f"{problem} {problem.remedy}" if problem else ""
    for secret in (KEY, TOKEN, SIGNING):
        assert secret not in said
    return code, json.loads(result.stdout) if "json" in words else result.stdout, said


async def test_from_nothing_to_right_in_the_words_of_the_command_line(
    settings: Path, vendors: dict[str, str]
) -> None:
    signing = settings.parent / "signing"
    code, found, _ = await trueup(settings, "check", "stripe", "-o", "json")
    assert code == 1
    (billing,) = found["connections"]
    verdicts = {one["looked_at"]: one["verdict"] for one in billing["findings"]}
    assert {name for name, is_ in verdicts.items() if is_ == "wrong"} == {
        "webhook endpoint",
        "signing secret",
    }
    assert found["wrong"] == 2

    code, _, said = await trueup(settings, "setup", "stripe")
    assert (code, signing.exists()) == (0, False)
    assert "would be done: make a webhook endpoint" in said
    assert "--apply" in said

    code, _, said = await trueup(settings, "setup", "stripe", "--apply")
    assert code == 0
    kept = signing.read_text().strip()
    assert kept.startswith("whsec_")
    assert kept not in said
    assert signing.stat().st_mode & 0o077 == 0

    code, table, _ = await trueup(settings, "check", "billing")
    assert code == 0
    assert "payload style\tright" in table

    code, _, said = await trueup(settings, "setup", "stripe", "--apply")
    assert (code, "nothing to do" in said) == (0, True)
    async with httpx.AsyncClient(base_url=vendors["stripe"], trust_env=False) as owner:
        listed = await owner.get(
            "/v1/webhook_endpoints", headers={"Authorization": "Bearer sk_test_x"}
        )
    assert len(listed.json()["data"]) == 1


async def test_a_secret_that_cannot_be_kept_makes_nothing(settings: Path) -> None:
    rewrite(settings, '["file:signing"]', "[]")
    code, _, said = await trueup(settings, "setup", "stripe", "--apply")
    assert code == 4
    assert "webhook_secrets" in said
    desk = await trueup(settings, "setup", "zendesk", "--apply")
    assert desk[0] == 4


async def test_what_is_not_configured_and_what_needs_no_setting_up(settings: Path) -> None:
    assert (await trueup(settings, "check", "nobody"))[0] == 3
    rewrite(settings, '{ api_key = "file:key" }', "{}")
    code, found, _ = await trueup(settings, "check", "-o", "json")
    assert code == 1
    names = [one["connection"] for one in found["connections"]]
    assert names == ["billing", "desk"]
    (finding,) = found["connections"][0]["findings"]
    assert (finding["looked_at"], finding["verdict"]) == ("configuration", "wrong")
    assert "api_key" in finding["meaning"]
    rewrite(settings, "secrets = {}", 'secrets = { api_key = "file:key" }')
    rewrite(settings, "public_url", "#")
    code, _, said = await trueup(settings, "setup", "stripe")
    assert (code, "api.public_url" in said) == (2, True)
