"""Two versions of a saga and of a process, under the same names, whose commands differ: a run of
one cannot be replayed by the other."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.contracts.exceptions import Withdrawn
from canonical_models.process import Process
from runtime.versions import pinned
from workflows.process import WaitingProcess

SAGA = "saga_of_versions"
PROCESS = "process_of_versions"
RELEASE = "release"
QUEUE = "versions"

_SOON = timedelta(seconds=60)


async def _work(words: str) -> None:
    await workflow.execute_activity("versions.work", words, start_to_close_timeout=_SOON)


class _Released:
    def __init__(self) -> None:
        self.released = False

    @workflow.signal(name=RELEASE)
    def release(self) -> None:
        self.released = True


@workflow.defn(name=SAGA)
class FirstSaga(_Released):
    @workflow.run
    async def run(self) -> str:
        await _work("first")
        await workflow.wait_condition(lambda: self.released)
        await _work("first again")
        return "first"


@workflow.defn(name=SAGA)
class SecondSaga(_Released):
    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(0.001)
        await _work("second")
        await workflow.wait_condition(lambda: self.released)
        return "second"


@workflow.defn(name=PROCESS)
class FirstProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)

    @workflow.run
    async def run(self, process: Process) -> str:
        del process
        await self.turn()
        await _work("first looks")
        await self.rest(None)
        return "first"


@workflow.defn(name=PROCESS)
class SecondProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)

    @workflow.run
    async def run(self, process: Process) -> str:
        del process
        await self.turn()
        await workflow.sleep(0.001)
        await _work("second looks")
        await self.rest(None)
        return "second"


class Work:
    """What was done, counted."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}

    @activity.defn(name="versions.work")
    async def work(self, words: str) -> None:
        self.done[words] = self.done.get(words, 0) + 1

    async def until(self, words: str, count: int) -> None:
        """Looks for two minutes at most."""
        for _ in range(1200):
            if self.done.get(words, 0) >= count:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{words}: {self.done.get(words, 0)} of {count}")


@activity.defn(name="exceptions.withdraw")
async def nothing_is_asked(withdrawn: Withdrawn) -> None:
    del withdrawn


def versioned(client: Client, build: str, work: Work) -> Worker:
    """A worker that keeps nothing in memory, so that each task replays its run from the start."""
    first = build == "1"
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[FirstSaga, FirstProcess] if first else [SecondSaga, SecondProcess],
        activities=[work.work, nothing_is_asked],
        workflow_runner=UnsandboxedWorkflowRunner(),
        deployment_config=pinned(QUEUE, build),
        max_cached_workflows=0,
        max_concurrent_workflow_task_polls=5,
    )
