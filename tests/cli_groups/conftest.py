"""`trueup` as operators type it, against a real PostgreSQL and a real Temporal server."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from temporalio.testing import WorkflowEnvironment
from typer.testing import CliRunner

from canonical_models.acts import Role
from cli.main import app
from cli.output import problem_of
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.harness.deciding import delivering
from tests.harness.people import keep_key, personal_key
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems as Vendors


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code, its result, its remarks."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Trueup = Callable[..., Awaitable[Said]]

_SETTINGS = """
[database]
dsn = "{dsn}"

[temporal]
address = "{address}"
task_queue = "{queue}"
ui = "http://127.0.0.1:8233"
"""

_TENANT = """
[tenants.{name}]
billing = "billing"
erp = "billing"
support = "billing"

[tenants.{name}.connections.billing]
vendor = "stripe"
base_url = "http://127.0.0.1:9"
books_from = 2026-01-01
"""


def trueup_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> Trueup:
    """Commands with this settings file, in a thread: each runs its own event loop."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("TRUEUP_KEY", raising=False)
    monkeypatch.delenv("TRUEUP_KEY_FILE", raising=False)

    async def trueup(*words: str) -> Said:
        runner = CliRunner()
        result = await asyncio.to_thread(runner.invoke, app, ["--config", str(path), *words])
        fault = result.exception
        if fault is None or isinstance(fault, SystemExit):
            return Said(result.exit_code, result.stdout, result.stderr)
        problem = problem_of(fault)
        if problem is None:
            raise fault
        return Said(problem.code, result.stdout, f"{result.stderr}{problem} {problem.remedy}")

    return trueup


@pytest.fixture(autouse=True)
def _logs_apart() -> Iterator[None]:
    """What a worker logs is not what a command says, though tests have both in one process.

    For each test anew: other tests of the same process set the logs back to their defaults.
    """
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.configure(**before)


@pytest.fixture
def settings_file(tmp_path: Path, dsn: str) -> Callable[..., Path]:
    def write(*tenants: str, address: str = "127.0.0.1:9", queue: str = "trueup") -> Path:
        path = tmp_path / "trueup.toml"
        text = _SETTINGS.format(dsn=dsn, address=address, queue=queue)
        path.write_text(text + "".join(_TENANT.format(name=name) for name in tenants))
        return path

    return write


@pytest.fixture
def trueup(
    settings_file: Callable[..., Path], anna: None, monkeypatch: pytest.MonkeyPatch
) -> Trueup:
    """One tenant, and no Temporal; Anna types, who may do everything."""
    return trueup_with(settings_file("acme"), monkeypatch)


@pytest.fixture
async def anna(database: Database, tmp_path: Path) -> None:
    """Signed in beside the settings."""
    keep_key(tmp_path, await personal_key(database, "acme", "anna", *Role))


@pytest.fixture
def trueup_at_work(
    settings_file: Callable[..., Path],
    temporal: WorkflowEnvironment,
    sagas: Sagas,
    anna: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Trueup:
    """One tenant, and a worker for it; Anna types."""
    address = temporal.client.service_client.config.target_host
    path = settings_file("acme", address=address, queue=sagas.task_queue)
    return trueup_with(path, monkeypatch)


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with (
        sagas_at_work(temporal.client, database, Vendors()) as working,
        delivering(database, temporal.client),
    ):
        yield working


@pytest.fixture
async def acme(database: Database) -> Ids:
    return await seeded(database, "acme")
