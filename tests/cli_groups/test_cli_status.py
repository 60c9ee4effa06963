"""`trueup status` with settings of any installation: what answers works, whatever runs."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from temporalio.testing import WorkflowEnvironment

from cli.output import ExitCode
from operations import health
from persistence import breakers
from persistence.database import Database
from runtime.at_work import at_work_as
from runtime.web_ui import WAITING
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Said, Trueup, trueup_with
from tests.harness.mail import mail_server
from tests.harness.waiting import until

ROOT = Path(__file__).parents[2]


@contextmanager
def silent() -> Iterator[str]:
    """An address at which somebody listens and nobody answers, as of a process that was stopped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def states(said: Said) -> dict[str, str]:
    return {part["part"]: part["state"] for part in said.json["parts"]}


def part(said: Said, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in said.json["parts"] if one["part"] == name)
    return found


@pytest.fixture
def at_temporal(
    settings_file: Callable[..., Path],
    temporal: WorkflowEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueup:
    address = temporal.client.service_client.config.target_host
    return trueup_with(settings_file("acme", address=address, queue="status"), monkeypatch)


async def test_what_is_away_is_named_and_no_stack_is_asked_for(trueup: Trueup, acme: Ids) -> None:
    said = await trueup("status", "-o", "json")
    assert said.code == ExitCode.UNAVAILABLE
    assert "trueup up" not in said.err
    assert acme.tenant == "acme"
    assert states(said) == {
        "database": "works",
        "temporal": "away",
        "worker": "away",
        "api": "away",
        "queue": "works",
        "questions": "works",
        "connection acme/billing": "unknown",
        "stream acme/crm-acme": "works",
    }
    assert said.json["stack"] is None
    assert part(said, "questions")["facts"]["open"] == 1
    assert part(said, "queue")["facts"]["pending"] == 1
    table = await trueup("status")
    assert table.code == ExitCode.UNAVAILABLE
    assert "away" in table.out


async def test_what_answers_works_and_a_worker_without_tasks_is_slow(
    at_temporal: Trueup, database: Database
) -> None:
    async with database.statement() as conn:
        await breakers.seen(conn, "acme", "billing", 8)
    async with (
        at_work_as("worker", database, build="1"),
        at_work_as("api", database, build=None),
    ):

        async def all_work() -> bool:
            said = await at_temporal("status", "-o", "json")
            worker = part(said, "worker")
            # It says that it is at work, and Temporal that nobody asks for tasks.
            assert worker["state"] == "slow" or not worker["facts"]["at work"], said
            return {**states(said), "worker": "works"} == dict.fromkeys(states(said), "works")

        await until(all_work, "every part is seen to work")
        said = await at_temporal("status", "-o", "json")
        assert said.code == ExitCode.FAILED
        link = f"/namespaces/default/workflows?query={quote(WAITING)}"
        assert said.json["waiting"].endswith(link)
        async with database.statement() as conn:
            await breakers.opened(conn, "acme", "billing", reason="503", probe_in=5)
        away = part(await at_temporal("status", "-o", "json"), "connection acme/billing")
        assert (away["state"], away["facts"]) == ("away", {"reason": "503"})
        assert away["since"]


@pytest.mark.parametrize("part_name", ["database", "temporal"])
async def test_a_part_that_is_there_and_does_not_answer_is_away(
    part_name: str,
    settings_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    dsn: str,
) -> None:
    monkeypatch.setattr(health, "BOUND", 1.0)
    with silent() as address:
        path = settings_file("acme", address=address)
        if part_name == "database":
            path.write_text(path.read_text().replace(dsn, f"postgresql://u@{address}/d"))
        said = await trueup_with(path, monkeypatch)("status", "-o", "json")
    assert said.code == ExitCode.UNAVAILABLE
    seen = states(said)
    assert seen[part_name] == "away"
    if part_name == "database":
        assert set(seen.values()) == {"away", "unknown"}
        assert seen["queue"] == seen["worker"] == "unknown"


@pytest.mark.slow
async def test_a_worker_that_was_stopped_is_not_at_work(
    settings_file: Callable[..., Path],
    temporal: WorkflowEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    address = temporal.client.service_client.config.target_host
    path = settings_file(address=address, queue="stopped")
    trueup = trueup_with(path, monkeypatch)
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(  # noqa: ASYNC220 - at once, and waited for elsewhere
            [sys.executable, "-m", "cli", "--config", str(path), "worker"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )

    async def is_(state: str) -> bool:
        return states(await trueup("status", "-o", "json"))["worker"] == state

    try:
        await until(lambda: is_("works"), "the worker is seen", seconds=60, every=0.5)
        worker.send_signal(signal.SIGSTOP)
        await until(lambda: is_("away"), "it is missed", seconds=60, every=1)
        worker.send_signal(signal.SIGCONT)
        await until(lambda: is_("works"), "it is back", seconds=60, every=0.5)
    finally:
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        await asyncio.to_thread(worker.wait, 60)
    assert await is_("away")


async def test_a_mail_is_tried_out_and_a_server_that_is_away_is_said(
    settings_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    path = settings_file("acme")
    trueup = trueup_with(path, monkeypatch)
    nobody = await trueup("notify", "test", "finance")
    assert nobody.code == ExitCode.USAGE
    with mail_server() as post:
        text = path.read_text().replace(
            "books_from = 2026-01-01\n",
            "books_from = 2026-01-01\n"
            '[tenants.acme.notify]\nfinance = ["fay@example.com"]\n'
            f'[notifications]\nhost = "127.0.0.1"\nport = {post.port}\n'
            'sender = "trueup@example.com"\n',
        )
        path.write_text(text)
        sent = await trueup("notify", "test", "finance", "-o", "json")
        assert sent.json == {"addresses": 1, "refused": 0}
        assert post.came[0]["Subject"] == "Trueup acme, finance: a test"
    refused = await trueup("notify", "test", "finance")
    assert refused.code == ExitCode.UNAVAILABLE
    assert "fay@" not in refused.err
    async with database.statement() as conn:
        await conn.execute(
            "insert into streams (id, tenant, name, transport, team, added_by, failures, "
            "failing_since, error) values ('mail/acme/finance', 'acme', 'mail-finance', 'mail', "
            "'finance', 'settings', 3, now(), 'SMTPConnectError')"
        )
    mail = part(await trueup("status", "-o", "json"), "mail acme/finance")
    assert (mail["state"], mail["facts"]) == (
        "away",
        {"error": "SMTPConnectError", "failures": 3},
    )
    assert mail["since"]
