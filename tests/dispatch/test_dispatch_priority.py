"""In a queue of the engine that one worker serves, task by task, nobody waits for all others."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from dispatch.priority import priority
from persistence.turns import LIVE, RENEWAL
from tests.harness.waiting import until

OTHERS = 40


@workflow.defn
class Posting:
    """A saga that has one document to post in the lane of its entity."""

    @workflow.run
    async def run(self, lane: str, document: str) -> None:
        await workflow.execute_activity(
            "post", document, task_queue=lane, start_to_close_timeout=timedelta(minutes=1)
        )


@pytest.mark.parametrize("of", [("acme", RENEWAL), ("globex", LIVE)])
async def test_none_waits_until_all_others_are_done(
    temporal: WorkflowEnvironment, of: tuple[str, int]
) -> None:
    name = uuid.uuid4().hex
    lane = f"{name}/lane"
    done: list[str] = []

    @activity.defn(name="post")
    async def post(document: str) -> None:
        done.append(document)

    async def begin(document: str, tenant: str, kind: int) -> None:
        await temporal.client.start_workflow(
            Posting.run,
            args=[lane, document],
            id=f"{name}/{document}",
            task_queue=name,
            priority=priority(tenant, kind),
        )

    async def waits(document: str) -> bool:
        run = await temporal.client.get_workflow_handle(f"{name}/{document}").describe()
        return len(run.raw_description.pending_activities) == 1

    async def all_posted() -> bool:
        return len(done) == OTHERS + 1

    # A sandbox would import what this module imports for each of them.
    sagas = Worker(
        temporal.client,
        task_queue=name,
        workflows=[Posting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with sagas:
        for number in range(OTHERS):
            await begin(f"live-{number}", "acme", LIVE)
        await begin("the one", *of)
        for document in ("the one", *(f"live-{number}" for number in range(OTHERS))):
            await until(partial(waits, document), f"{document} waits for its turn")
        async with Worker(
            temporal.client, task_queue=lane, activities=[post], max_concurrent_activities=1
        ):
            await until(all_posted, "all are posted")
    # The shares hold over time: the engine deals tasks out by partitions of the queue, in batches.
    assert done.index("the one") < OTHERS
