"""`trueup connections check` and `setup` of a real Request Tracker, with a settings file alone."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.output import problem_of
from sandbox.rt.server import RtInstance

pytestmark = pytest.mark.rt

_SETTINGS = """
[database]
dsn = "postgresql://nobody@127.0.0.1:9/none"

[tenants.acme]
billing = "billing"
erp = "billing"
support = "rt"

[tenants.acme.connections.billing]
vendor = "stripe"
base_url = "http://127.0.0.1:9"
books_from = 2026-01-01
secrets = {{ api_key = "file:token" }}

[tenants.acme.connections.rt]
vendor = "request_tracker"
base_url = "{url}"
secrets = {{ token = "file:token" }}
options = {{ catalog = "{catalog}", sla_levels = {{ gold = "premium" }} }}
"""


async def trueup(settings: Path, *words: str) -> tuple[int, str]:
    """Exit code, and all that was said."""
    typed = ["--config", str(settings), "connections", *words]
    result = await asyncio.to_thread(CliRunner().invoke, app, typed)
    said = result.output + result.stderr
    problem = problem_of(result.exception) if result.exception else None
    assert (settings.parent / "token").read_text() not in said
    return int(problem.code) if problem else result.exit_code, said


async def test_from_nothing_to_right_in_the_words_of_the_command_line(
    rt: RtInstance, customer: str, tmp_path: Path
) -> None:
    catalog, settings = f"Catalog {customer}", tmp_path / "trueup.toml"
    settings.write_text(_SETTINGS.format(url=rt.url, catalog=catalog))
    (tmp_path / "token").write_text(rt.administrator_token)

    code, said = await trueup(settings, "check", "rt")
    assert code == 1
    assert "trueup connections setup" in said

    code, said = await trueup(settings, "setup", "request_tracker")
    assert code == 0
    assert f"would be done: catalog {catalog}" in said
    assert "--apply" in said
    # It has no webhooks, so no file for a signing secret is asked for.
    code, said = await trueup(settings, "setup", "rt", "--apply")
    assert code == 0
    assert f"done: catalog {catalog}" in said
    assert "by hand" not in said

    (tmp_path / "token").write_text(rt.token)
    code, said = await trueup(settings, "check", "rt")
    assert code == 0, said
    for words in ("not supported", "Next: compare them with %ServiceAgreements"):
        assert words in said
    code, said = await trueup(settings, "setup", "rt", "--apply")
    assert (code, "nothing to do" in said) == (0, True)
