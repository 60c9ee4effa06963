"""Sagas in place of the real ones: they note what they do and settle their changes.

How it behaves is told by the subject's name: `…-linger` closes late, `…-hold` waits until
`release`, `…-die` fails without settling, `…-wait` waits like for a person.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from canonical_models.states import ChangeOutcome
from persistence import change_queue, changes
from persistence.database import Database
from workflows.names import ACCOUNT, AMENDMENT, NEWER_CHANGE, ChangeInput

_SOON = timedelta(seconds=30)


@workflow.defn(name=AMENDMENT)
class ProbeSaga:
    def __init__(self) -> None:
        self._newer = 0

    @workflow.run
    async def run(self, change: ChangeInput) -> None:
        await self._work(change)

    async def _work(self, change: ChangeInput) -> None:
        await workflow.execute_activity("probe.work", change, start_to_close_timeout=_SOON)
        if change.subject.endswith("-die"):
            raise ApplicationError("as told", non_retryable=True)
        if change.subject.endswith("-wait"):
            await workflow.wait_condition(lambda: False)
        if change.subject.endswith("-linger"):
            await workflow.sleep(0.3)

    @workflow.signal(name=NEWER_CHANGE)
    def newer_change(self) -> None:
        self._newer += 1

    @workflow.query
    def newer(self) -> int:
        return self._newer


@workflow.defn(name=ACCOUNT)
class AccountProbe(ProbeSaga):
    @workflow.run
    async def run(self, change: ChangeInput) -> None:
        await self._work(change)


class Probe:
    """What the sagas did: `order` of change ids per subject, `most` open at one time."""

    def __init__(self, database: Database) -> None:
        self.order: dict[str, list[str]] = {}
        self.most = 0
        self.release = asyncio.Event()
        self._database = database

    @activity.defn(name="probe.work")
    async def work(self, change: ChangeInput) -> None:
        self.order.setdefault(change.subject, []).append(change.change_id)
        async with self._database.transaction() as conn:
            # As a saga does when it begins.
            run_id = activity.info().workflow_run_id or ""
            await change_queue.started(conn, change.change_id, run_id)
            found = await conn.execute(
                "select count(*) from changes where state in ('starting', 'running')"
            )
            (count,) = await found.fetchone() or (0,)
            self.most = max(self.most, count)
        _, _, behaviour = change.subject.partition("-")
        if behaviour == "hold":
            await self.release.wait()
        async with self._database.transaction() as conn:
            if behaviour == "wait":
                await changes.waits(conn, change.tenant, change.change_id, "waiting")
            elif behaviour != "die":
                await changes.settle(
                    conn, change.tenant, change.change_id, outcome=ChangeOutcome.COMPLETED
                )


@asynccontextmanager
async def probing(client: Client, database: Database, task_queue: str) -> AsyncIterator[Probe]:
    """A worker that runs the probe for as long as the block lasts."""
    probe = Probe(database)
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[ProbeSaga, AccountProbe],
        activities=[probe.work],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield probe
        probe.release.set()
