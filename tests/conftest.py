"""Real servers for every suite: PostgreSQL, Temporal, and the simulators as child processes."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings
from temporalio.testing import WorkflowEnvironment

from persistence.database import Database
from sandbox.simulators.child import Child, running_child
from tests.harness.postgres import PostgresServer, postgres_server
from tests.harness.temporal import temporal_server

_FOLDER = "PYTEST_DEBUG_TEMPROOT"

# How long an example takes is the machine's.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """A folder of its own for each run. Pytest closes the one that all runs share to other users
    whenever a run begins, and PostgreSQL is another user where the tests run as root."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault(_FOLDER, mkdtemp(prefix="trueup-tests-"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a failed run has left is looked at."""
    folder = Path(os.environ[_FOLDER])
    ours = folder.name.startswith("trueup-tests-") and not hasattr(session.config, "workerinput")
    if ours and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Skipping what needs the vendors' own schemas is no agreement with them."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum("TRUEUP_CONTRACTS" in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(
            f"{count} contract tests were skipped: TRUEUP_CONTRACTS names no folder with the "
            "vendors' schemas",
            yellow=True,
        )
    untracked = sum("there is no Request Tracker here" in str(each.longrepr) for each in skipped)
    if untracked:
        terminalreporter.write_line(
            f"{untracked} tests were skipped: there is no Request Tracker here", yellow=True
        )
    unseen = sum("there is no Chromium here" in str(report.longrepr) for report in skipped)
    if unseen:
        terminalreporter.write_line(
            f"{unseen} browser tests were skipped: there is no Chromium here", yellow=True
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def dsn(postgres: PostgresServer) -> Iterator[str]:
    """A database of this test alone, with the schema and nothing in it."""
    with postgres.database() as made:
        yield made


@pytest.fixture(scope="module")
def module_dsn(postgres: PostgresServer) -> Iterator[str]:
    """A database that the tests of one module share."""
    with postgres.database() as made:
        yield made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    async with temporal_server() as environment:
        yield environment


@pytest.fixture
async def start_child() -> AsyncIterator[Callable[..., Awaitable[Child]]]:
    """`await start_child("sandbox.simulators.stripe", "--state", path)`; ended after the test."""
    async with AsyncExitStack() as stack:

        async def start(module: str, *arguments: str) -> Child:
            return await stack.enter_async_context(running_child(module, *arguments))

        yield start
