"""Where sagas are measured: Temporal as the embedded stack runs it, PostgreSQL with its durable
defaults, and worker processes of their own."""

import asyncio
import itertools
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from benchmarks.vendors import account
from canonical_models.amendment import ChangeKind
from dispatch.starting import TASK_TIMEOUT
from persistence import mappings
from persistence.database import Database, migrate
from runtime.processes import Child, Folders, Program
from runtime.temporal import connect
from sandbox.embedded.ports import Ports
from sandbox.embedded.temporal_server import TemporalServer
from tests.harness.postgres import durable_server
from tests.harness.subscriptions import ITEMS
from workflows.names import (
    AMENDMENT,
    CHANGE,
    CHANGE_KIND,
    CUSTOMER,
    STAGE,
    SUBSCRIPTION,
    TENANT,
    ChangeInput,
    change_workflow_id,
)

Handle = WorkflowHandle[Any, Any]
_SAGA_SECONDS = 120


@dataclass
class Scene:
    """Starts workflows as the dispatcher does, but one subscription after the other."""

    client: Client
    address: str
    database: Database
    folders: Folders
    queue: str = field(default_factory=lambda: f"bench-{secrets.token_hex(4)}")
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _changes: Iterator[int] = field(default_factory=itertools.count)

    async def subscriptions(self, count: int) -> list[str]:
        """New ones, with their customers' accounts mapped."""
        numbers = list(itertools.islice(self._numbers, count))
        async with self.database.transaction() as conn:
            for number in numbers:
                await mappings.put(conn, "acme", account(number), by="bench")
        return [f"sub_{number}" for number in numbers]

    async def intend(self, subscriptions: list[str]) -> list[ChangeInput]:
        """A change of each, as the dispatcher leaves it: claimed and running."""
        made = [
            ChangeInput(
                tenant="acme",
                change_id=f"chg_{next(self._changes)}",
                subject=of,
                trigger=ChangeKind.OTHER,
            )
            for of in subscriptions
        ]
        async with self.database.transaction() as conn, conn.cursor() as cursor:
            await cursor.executemany(
                "insert into changes (id, tenant, connection, subject, subscription_id, "
                "event_id, kind, state) values (%(change)s, 'acme', 'stripe', %(sub)s, "
                "%(sub)s, %(change)s, 'other', 'running')",
                [{"change": each.change_id, "sub": each.subject} for each in made],
            )
        return made

    async def start(self, change: ChangeInput, workflow: str = AMENDMENT) -> Handle:
        of = change.subject
        return await self.client.start_workflow(
            workflow,
            change,
            id=change_workflow_id(change.tenant, of),
            task_queue=self.queue,
            task_timeout=TASK_TIMEOUT,
            # Of use where the worker runs in this process, as the dispatcher's does.
            request_eager_start=True,
            static_summary=f"Change of {of}",
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(TENANT, change.tenant),
                    SearchAttributePair(SUBSCRIPTION, of),
                    SearchAttributePair(CUSTOMER, of.replace("sub", "cus")),
                    SearchAttributePair(CHANGE, change.change_id),
                    SearchAttributePair(CHANGE_KIND, change.trigger.value),
                    SearchAttributePair(STAGE, "started"),
                ]
            ),
        )

    async def finish(self, change: ChangeInput, workflow: str = AMENDMENT) -> Handle:
        """Raises TimeoutError for a saga that waits for a person: a benchmark has none."""
        handle = await self.start(change, workflow)
        async with asyncio.timeout(_SAGA_SECONDS):
            await handle.result()
        return handle

    @asynccontextmanager
    async def worker(self, name: str, *options: str) -> AsyncIterator[Child]:
        """A process of benchmarks.saga_worker; ended after the block if it still runs."""
        child = await Child.start(
            Program(
                name=name,
                argv=(
                    *(sys.executable, "-m", "benchmarks.saga_worker"),
                    *(self.address, self.database.dsn, self.queue, *options),
                ),
                stdin=True,
            ),
            self.folders,
        )
        try:
            yield child
        finally:
            await child.stop()


@asynccontextmanager
async def scene(*of_postgres: str) -> AsyncIterator[Scene]:
    """Everything is ended and removed after the block."""
    async with AsyncExitStack() as stack:
        state = Path(tempfile.mkdtemp(prefix="trueup-bench-"))
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        folders = Folders(state / "logs", state / "run")
        folders.prepare()
        dsn = stack.enter_context(durable_server(*of_postgres)).dsn("postgres")
        await migrate(dsn)
        database = Database(dsn)
        stack.push_async_callback(database.close)
        temporal, settings = await TemporalServer(
            state, folders, Ports(state / "ports.json")
        ).start()
        stack.push_async_callback(temporal.stop)
        async with database.transaction() as conn:
            for mapping in ITEMS.values():
                await mappings.put(conn, "acme", mapping, by="bench")
        yield Scene(await connect(settings), settings.address, database, folders)
