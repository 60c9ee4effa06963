"""A dispatcher on real servers, with a tenant of its own for each test."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from connectors.stripe.webhooks import StripeWebhooks
from dispatch.dispatcher import Dispatcher
from persistence.database import Database
from persistence.inbox_writer import Delivery, InboxWriter
from runtime.settings import DispatchSettings
from tests.harness.flow import states
from tests.harness.probe_saga import Probe, probing
from tests.harness.waiting import until
from tests.harness.webhooks import CONNECTION, subscription_event

#: So long that only notifications can explain what a test sees.
NEVER = 300.0


@dataclass
class Scene:
    """One test's database, tenant and task queue."""

    database: Database
    client: Client
    tenant: str

    @asynccontextmanager
    async def dispatching(
        self,
        *,
        in_flight: int = 32,
        poll_seconds: float = NEVER,
        client: Client | None = None,
        database: Database | None = None,
    ) -> AsyncIterator[Dispatcher]:
        dispatcher = Dispatcher(
            DispatchSettings(in_flight=in_flight, poll_seconds=poll_seconds),
            database or self.database,
            client or self.client,
            {(self.tenant, CONNECTION): StripeWebhooks()},
            task_queue=self.tenant,
        )
        task = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def probing(
        self, client: Client | None = None
    ) -> contextlib.AbstractAsyncContextManager[Probe]:
        return probing(client or self.client, self.database, self.tenant)

    async def receive(self, *events: tuple[str, str]) -> None:
        """(event id, subscription) pairs."""
        await self.receive_bodies(*((event, subscription_event(event, of)) for event, of in events))

    async def receive_bodies(self, *bodies: tuple[str, bytes]) -> None:
        writer = InboxWriter(self.database.dsn)
        writer.start()
        for event_id, body in bodies:
            await writer.keep(Delivery(self.tenant, CONNECTION, event_id, "any", body))
        await writer.close()

    async def reached(self, wanted: dict[str, str], *, seconds: float = 20) -> None:
        """Wait until these changes (by event id) are in these states."""

        async def there() -> bool:
            return wanted.items() <= (await states(self.database)).items()

        await until(there, f"changes are {wanted}", seconds=seconds)

    async def all_settled(self, count: int, *, seconds: float = 60) -> None:
        async def there() -> bool:
            return [*(await states(self.database)).values()].count("completed") == count

        await until(there, f"{count} changes are completed", seconds=seconds)


@pytest.fixture
def scene(database: Database, temporal: WorkflowEnvironment) -> Scene:
    return Scene(database, temporal.client, f"t{secrets.token_hex(4)}")
