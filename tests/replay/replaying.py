"""Replays a history as the worker would, with the sandbox around it."""

from collections.abc import Sequence

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, WorkflowReplayResult

from tests.replay.commands import CommandLog
from worker import SANDBOX


async def replay(
    workflows: Sequence[type], history: WorkflowHistory, log: CommandLog | None = None
) -> WorkflowReplayResult:
    """`replay_failure` of the result is None when it replays. `log` gets the commands."""
    replayer = Replayer(
        workflows=workflows,
        data_converter=pydantic_data_converter,
        workflow_runner=SANDBOX,
        plugins=[log.plugin] if log else [],
    )
    return await replayer.replay_workflow(history, raise_on_replay_failure=False)
