"""Replays a history just as the worker would: same converter, same sandbox."""

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, WorkflowReplayResult
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.replay.commands import CommandLog
from worker import PASSED_THROUGH


async def replay(
    workflow: type, history: WorkflowHistory, log: CommandLog | None = None
) -> WorkflowReplayResult:
    """`replay_failure` of the result is None when it replays. `log` gets the commands."""
    replayer = Replayer(
        workflows=[workflow],
        data_converter=pydantic_data_converter,
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
        ),
        plugins=[log.plugin] if log else [],
    )
    return await replayer.replay_workflow(history, raise_on_replay_failure=False)
