"""A saga at work: real Temporal, real PostgreSQL, scripted systems behind the real ports."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from activities.contracts.amendment import Settled
from canonical_models.amendment import ChangeKind
from canonical_models.entitlement import Grant
from canonical_models.exceptions import Action, Resolution
from canonical_models.ledgering import AccountMapping, ItemMapping
from canonical_models.views import ChangeView, EffectView, ExceptionView
from persistence import changes, effects, exceptions, grants, mappings
from persistence.database import Database
from tests.harness.subscriptions import ACCOUNT, ITEMS
from tests.harness.systems import Systems
from tests.harness.waiting import until
from worker import SANDBOX, make_worker
from workflows.amendment import AmendmentSaga
from workflows.names import (
    CHANGE,
    CHANGE_KIND,
    CUSTOMER,
    RESOLVE,
    STAGE,
    SUBSCRIPTION,
    TENANT,
    AmendmentInput,
    subscription_workflow_id,
)

Handle = WorkflowHandle[AmendmentSaga, Settled]


@dataclass
class Sagas:
    """Starts and steers sagas as the dispatcher and the operators do."""

    client: Client
    database: Database
    systems: Systems
    task_queue: str

    async def start(
        self,
        change_id: str,
        subscription_id: str = "sub_1",
        *,
        workflow_id: str | None = None,
        hint: ChangeKind = ChangeKind.OTHER,
    ) -> Handle:
        await self._intend(change_id, subscription_id, hint)
        return await self.client.start_workflow(
            AmendmentSaga.run,
            AmendmentInput(
                tenant="acme",
                change_id=change_id,
                subscription_id=subscription_id,
                hint=hint,
            ),
            id=workflow_id or subscription_workflow_id(self.task_queue, subscription_id),
            task_queue=self.task_queue,
            task_timeout=timedelta(seconds=2),
            static_summary=f"change of {subscription_id}",
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(TENANT, "acme"),
                    SearchAttributePair(SUBSCRIPTION, subscription_id),
                    SearchAttributePair(CUSTOMER, "cus_1"),
                    SearchAttributePair(CHANGE, change_id),
                    SearchAttributePair(CHANGE_KIND, "other"),
                    SearchAttributePair(STAGE, "started"),
                ]
            ),
        )

    async def finish(self, change_id: str, subscription_id: str = "sub_1") -> Settled:
        return await (await self.start(change_id, subscription_id)).result()

    async def exception(self, change_id: str, *, step: str | None = None) -> ExceptionView:
        """The open exception of the change, once there is one."""
        found: list[ExceptionView] = []

        async def opened() -> bool:
            async with self.database.transaction() as session:
                page = await exceptions.page(session, "acme", change_id=change_id)
            found[:] = [entry for entry in page if step is None or entry.step == step]
            return bool(found)

        await until(opened, f"an exception of {change_id} at {step or 'any step'}")
        return found[0]

    async def resolve(
        self,
        handle: Handle,
        exception_id: str,
        action: Action,
        item: ItemMapping | None = None,
        account: AccountMapping | None = None,
    ) -> str:
        answer: str = await handle.execute_update(
            RESOLVE,
            Resolution(
                exception_id=exception_id, action=action, by="tester", item=item, account=account
            ),
            result_type=str,
        )
        return answer

    async def change(self, change_id: str) -> ChangeView:
        async with self.database.transaction() as session:
            found = await changes.get(session, "acme", change_id)
        assert found is not None
        return found

    async def effects(self, change_id: str) -> dict[str, EffectView]:
        """By step."""
        async with self.database.transaction() as session:
            return {e.step: e for e in await effects.of_change(session, "acme", change_id)}

    async def grants(self, subscription_id: str = "sub_1") -> tuple[Grant, ...]:
        async with self.database.transaction() as session:
            return await grants.of_subscription(session, "acme", subscription_id)

    async def _intend(self, change_id: str, subscription_id: str, hint: ChangeKind) -> None:
        async with self.database.transaction() as session:
            await (await session.connection()).execute(
                text(
                    "insert into changes (id, tenant, connection, subscription_id, event_id, "
                    "kind, state) values (:change, 'acme', 'stripe', :sub, :change, :hint, "
                    "'running')"
                ),
                {"change": change_id, "sub": subscription_id, "hint": hint.value},
            )


@asynccontextmanager
async def sagas_at_work(
    client: Client, database: Database, systems: Systems
) -> AsyncIterator[Sagas]:
    """With the master data of tests.harness.subscriptions, and a worker on a queue of its own."""
    async with database.transaction() as session:
        await mappings.put(session, "acme", ACCOUNT, by="tester")
        for mapping in ITEMS.values():
            await mappings.put(session, "acme", mapping, by="tester")
    queue = f"test-{secrets.token_hex(4)}"
    async with make_worker(client, queue, database, {"acme": systems.tenant}, runner=SANDBOX):
        yield Sagas(client, database, systems, queue)


async def gone_quiet(handle: Handle) -> None:
    """Until the run is closed, however it ended."""
    await asyncio.wait([asyncio.ensure_future(handle.result())])
