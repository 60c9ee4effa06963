"""Each scenario, run now, gives the very commands that were recorded: arguments, timeouts, all."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.harness.postgres import PostgresServer
from tests.replay import baseline, running
from tests.replay.commands import CommandLog
from tests.replay.histories import newest_series, recorded
from tests.replay.mutants import GrantsWithoutDigest
from tests.replay.replaying import replay
from workflows.amendment import AmendmentSaga


@pytest.fixture(scope="module")
async def stage(
    temporal: WorkflowEnvironment, postgres: PostgresServer
) -> AsyncIterator[running.Stage]:
    async with running.stage(temporal.client, postgres) as made:
        yield made


@pytest.mark.parametrize("name", running.ALL)
async def test_the_commands_are_those_of_the_baseline(name: str, stage: running.Stage) -> None:
    ran = await stage.run(name)

    assert not (difference := baseline.difference(name, ran.commands)), difference


def test_the_baseline_has_no_other_scenarios() -> None:
    assert baseline.kept().keys() == running.ALL.keys()


async def commands(workflow: type) -> list[str]:
    """Of the recorded upgrade, replayed."""
    log = CommandLog()
    (upgrade,) = (c for c in recorded() if str(c) == f"{newest_series()}/upgrade")
    assert (await replay([workflow], upgrade.history, log)).replay_failure is None
    return log.only


async def test_the_baseline_sees_an_argument_that_a_replay_passes() -> None:
    assert baseline.difference("upgrade", await commands(AmendmentSaga)) == ""

    found = baseline.difference("upgrade", await commands(GrantsWithoutDigest))

    grants = "schedule_local_activity activity_type=amendment.entitle arguments="
    assert f'-{grants}[{{"change_id": "chg_1", "digest": "<sha256>"' in found
    assert f'+{grants}[{{"change_id": "chg_1", "digest": ""' in found
    assert "workflow.patched" in found
