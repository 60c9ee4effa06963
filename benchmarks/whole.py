"""The worker as it is, dispatcher included, in this process: from a webhook in the inbox to the
change that is settled. What it does is counted by PostgreSQL, Temporal and the vendors' wire."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.tenants import Tenant
from benchmarks.scene import Scene
from benchmarks.vendors import Memory, Wire, tenant
from canonical_models.amendment import ChangeKind, ChangeTrigger
from connectors.ports import WebhookTranslator
from dispatch.dispatcher import Dispatcher
from persistence.database import Database
from persistence.inbox_writer import Delivery, InboxWriter
from runtime.settings import DispatchSettings
from worker import make_worker
from workflows.names import change_workflow_id

_CONNECTION = "stripe"
_WITHIN_S = 60


class _Told:
    """Webhooks that say of which subscription they are, and which document."""

    def trigger(self, body: bytes) -> ChangeTrigger:
        said = json.loads(body)
        return ChangeTrigger(
            event_id=said["id"],
            subscription_id=said["subscription"],
            customer_id=said["subscription"].replace("sub", "cus"),
            document_id=said.get("document"),
            kind=ChangeKind.OTHER,
            occurred_at=datetime.now(UTC),
        )


@dataclass
class Whole:
    """`told` are webhooks; a change is done when its saga has closed."""

    client: Client
    wire: Wire
    inbox: InboxWriter
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def tell(self, subscription: str, document: str | None = None) -> None:
        event = f"evt_{next(self._numbers)}"
        body = json.dumps({"id": event, "subscription": subscription, "document": document})
        await self.inbox.keep(Delivery("acme", _CONNECTION, event, "any", body.encode()))

    async def done(self, subscription: str, before: str | None = None) -> str:
        """The run that has come to its end since `before`. Asks Temporal alone."""
        handle = self.client.get_workflow_handle(change_workflow_id("acme", subscription))
        async with asyncio.timeout(_WITHIN_S):
            while True:
                try:
                    run = await handle.describe()
                except RPCError as fault:
                    if fault.status is not RPCStatusCode.NOT_FOUND:
                        raise
                else:
                    if run.run_id != before and run.status is WorkflowExecutionStatus.COMPLETED:
                        return run.run_id or ""
                await asyncio.sleep(0.01)

    async def histories(self, subscription: str, before: str) -> list[Sequence[HistoryEvent]]:
        """Of its runs since `before`, the newest first."""
        name, found = change_workflow_id("acme", subscription), []
        async for each in self.client.list_workflows(f"WorkflowId = '{name}'"):
            if each.run_id != before:
                handle = self.client.get_workflow_handle(name, run_id=each.run_id)
                found.append((await handle.fetch_history()).events)
        if not found:
            raise RuntimeError(f"no run of {name} is listed")
        return found


@asynccontextmanager
async def whole(
    bench: Scene,
    *,
    settling: Mapping[str, float] | None = None,
    wire: Wire | None = None,
    known: Tenant | None = None,
) -> AsyncIterator[Whole]:
    """`known` is the tenant with other systems behind `wire`, where there are any."""
    async with AsyncExitStack() as stack:
        wire = wire or Wire()
        tenants = {"acme": known or tenant(Memory(), wire)}
        database = Database(bench.database.dsn, ping=False)
        stack.push_async_callback(database.close)
        inbox = InboxWriter(database.dsn)
        inbox.start()
        stack.push_async_callback(inbox.close)
        await stack.enter_async_context(make_worker(bench.client, bench.queue, database, tenants))
        dispatcher = Dispatcher(
            DispatchSettings(),
            database,
            bench.client,
            {("acme", _CONNECTION): cast("WebhookTranslator", _Told())},
            task_queue=bench.queue,
            settling=settling,
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            yield Whole(bench.client, wire, inbox)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
