"""A saga at work: real Temporal, real PostgreSQL, scripted systems behind the real ports."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from activities.contracts.amendment import Settled
from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.commerce import Customer
from canonical_models.entitlement import Grant
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.records import DocumentRecord
from canonical_models.views import ChangeView, EffectView, ExceptionView
from persistence import change_queue, changes, documents, effects, exceptions, grants, mappings
from persistence.database import Database
from runtime.versions import Deployment
from tests.harness.deciding import decided
from tests.harness.kept_histories import keep_histories
from tests.harness.subscriptions import ACCOUNT, ITEMS, invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems
from tests.harness.waiting import until
from worker import SANDBOX, make_worker
from workflows.names import ACCOUNT as ACCOUNT_SAGA
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

Handle = WorkflowHandle[Any, Settled]


@dataclass
class Sagas:
    """Starts and steers sagas as the dispatcher and the operators do."""

    client: Client
    database: Database
    systems: Systems
    task_queue: str

    def worker(self, build: str | None = None) -> AbstractAsyncContextManager[None]:
        known = {"acme": self.systems.tenant}
        return make_worker(
            self.client, self.task_queue, self.database, known, runner=SANDBOX, build=build
        )

    async def start(
        self,
        change_id: str,
        subject: str = "sub_1",
        *,
        workflow_id: str | None = None,
        trigger: ChangeKind = ChangeKind.OTHER,
        documents: tuple[str, ...] = (),
        whole: bool = False,
    ) -> Handle:
        """Of a subscription, or of an account where `subject` is one."""
        await self.intend(change_id, subject, trigger=trigger, documents=documents, whole=whole)
        return await self.begin(change_id, subject, workflow_id=workflow_id, trigger=trigger)

    async def sell(self, number: int, legal_entity: str = ACCOUNT.legal_entity) -> Handle:
        """A new subscription of a new customer with its first invoice, and its saga."""
        of, customer, document = f"sub_{number}", f"cus_{number}", f"in_{number}"
        sold = subscription(item("pro", 5), subscription_id=of).model_copy(
            update={"customer": Customer(customer_id=customer)}
        )
        first = invoice(line(f"il_{number}", 5000, of=of), key=document, customer=customer)
        self.systems.billing.snapshots[of] = snapshot(sold, first)
        account = ACCOUNT.model_copy(
            update={
                "billing_customer": customer,
                "support_organization": customer,
                "erp_party": f"C-{number}",
                "legal_entity": legal_entity,
            }
        )
        async with self.database.transaction() as conn:
            await mappings.put(conn, "acme", account, by="tester")
        return await self.start(f"chg_{number}", of)

    async def begin(
        self,
        change_id: str,
        subject: str,
        *,
        workflow_id: str | None = None,
        trigger: ChangeKind = ChangeKind.OTHER,
        epoch: int = 0,
    ) -> Handle:
        """A run of a change that is there already, for this claim of it."""
        return await self.client.start_workflow(
            AMENDMENT if customer_of(subject) is None else ACCOUNT_SAGA,
            ChangeInput(
                tenant="acme", change_id=change_id, subject=subject, trigger=trigger, epoch=epoch
            ),
            id=workflow_id or change_workflow_id(self.task_queue, subject),
            task_queue=self.task_queue,
            result_type=Settled,
            task_timeout=timedelta(seconds=2),
            static_summary=f"change of {subject}",
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(TENANT, "acme"),
                    SearchAttributePair(SUBSCRIPTION, subject),
                    SearchAttributePair(CUSTOMER, "cus_1"),
                    SearchAttributePair(CHANGE, change_id),
                    SearchAttributePair(CHANGE_KIND, "other"),
                    SearchAttributePair(STAGE, "started"),
                ]
            ),
        )

    async def finish(
        self,
        change_id: str,
        subject: str = "sub_1",
        *,
        documents: tuple[str, ...] = (),
        whole: bool = False,
    ) -> Settled:
        handle = await self.start(change_id, subject, documents=documents, whole=whole)
        return await handle.result()

    async def exception(self, change_id: str, *, step: str | None = None) -> ExceptionView:
        """The open exception of the change, once there is one."""
        found: list[ExceptionView] = []

        async def opened() -> bool:
            async with self.database.transaction() as conn:
                page = await exceptions.page(conn, "acme", change_id=change_id)
            found[:] = [entry for entry in page if step is None or entry.step == step]
            return bool(found)

        await until(opened, f"an exception of {change_id} at {step or 'any step'}")
        return found[0]

    async def again(
        self, change_id: str, subject: str = "sub_1", *, tenant: str | None = None
    ) -> Handle:
        """The next run of a change whose run was lost, as watch and dispatcher bring it about."""
        async with self.database.transaction() as conn:
            await change_queue.requeue(conn, change_id, why="its run was lost")
            found = await conn.execute(
                "update changes set state = 'running', ready = false, epoch = epoch + 1 "
                "where id = %(id)s returning epoch",
                {"id": change_id},
            )
            (epoch,) = await found.fetchone() or (0,)
        workflow_id = change_workflow_id(tenant, subject) if tenant else None
        return await self.begin(change_id, subject, epoch=epoch, workflow_id=workflow_id)

    async def exception_of(self, exception_id: str) -> ExceptionView:
        async with self.database.transaction() as conn:
            found = await exceptions.get(conn, "acme", exception_id)
        assert found is not None
        return found

    async def resolve(
        self,
        handle: Handle,
        exception_id: str,
        action: Action,
        item: ItemMapping | None = None,
        account: AccountMapping | None = None,
        document: DocumentCorrection | None = None,
    ) -> str:
        resolution = Resolution(
            exception_id=exception_id,
            action=action,
            by="tester",
            item=item,
            account=account,
            document=document,
        )
        return await decided(self.database, "acme", handle, resolution)

    async def change(self, change_id: str) -> ChangeView:
        async with self.database.transaction() as conn:
            found = await changes.get(conn, "acme", change_id)
        assert found is not None
        return found

    async def effects(self, change_id: str) -> dict[str, EffectView]:
        """By step, without the references that steps about documents and movements end with."""
        async with self.database.transaction() as conn:
            return {e.step: e for e in await effects.of_change(conn, "acme", change_id)}

    async def grants(self, subscription_id: str = "sub_1") -> tuple[Grant, ...]:
        async with self.database.transaction() as conn:
            return await grants.of_subscription(conn, "acme", subscription_id)

    async def given(self, *features: tuple[str, int], subscription_id: str = "sub_1") -> None:
        """Until the subscription gives exactly these features."""

        async def so() -> bool:
            held = await self.grants(subscription_id)
            return {(grant.feature, grant.quantity) for grant in held} == set(features)

        await until(so, f"{subscription_id} gives {features}")

    async def shown(self, tier: str | None, organization: str = "cus_1") -> None:
        """Until support shows this tier."""

        async def so() -> bool:
            found = self.systems.support.shown.get(organization)
            return found is not None and found.tier == tier

        await until(so, f"support shows {tier}")

    async def map_account(self, **changed: str) -> None:
        """From now on the customer's account is another."""
        async with self.database.transaction() as conn:
            await mappings.put(conn, "acme", ACCOUNT.model_copy(update=changed), by="tester")

    async def record(self, document_id: str) -> DocumentRecord:
        async with self.database.transaction() as conn:
            found = await documents.get(conn, "acme", document_id)
        assert found is not None
        return found

    async def intend(
        self,
        change_id: str,
        subject: str,
        *,
        trigger: ChangeKind = ChangeKind.OTHER,
        documents: tuple[str, ...] = (),
        whole: bool = False,
        state: str = "running",
    ) -> None:
        """The change alone, without a run."""
        async with self.database.transaction() as conn:
            await conn.execute(
                "insert into changes (id, tenant, connection, subject, subscription_id, "
                "customer_id, event_id, kind, state, documents, whole) values (%(change)s, "
                "'acme', 'stripe', %(subject)s, %(sub)s, %(customer)s, %(change)s, %(trigger)s, "
                "%(state)s, %(documents)s, %(whole)s)",
                {
                    "change": change_id,
                    "subject": subject,
                    "sub": subject if customer_of(subject) is None else None,
                    "customer": customer_of(subject),
                    "trigger": trigger.value,
                    "documents": list(documents),
                    "whole": whole,
                    "state": state,
                },
            )


@asynccontextmanager
async def sagas_at_work(
    client: Client, database: Database, systems: Systems, *, build: str | None = None
) -> AsyncIterator[Sagas]:
    """With the master data of tests.harness.subscriptions, and a worker on a queue of its own: of a
    `build`, which is current then, or of none."""
    async with database.transaction() as conn:
        await mappings.put(conn, "acme", ACCOUNT, by="tester")
        for mapping in ITEMS.values():
            await mappings.put(conn, "acme", mapping, by="tester")
    queue = f"test-{secrets.token_hex(4)}"
    working = Sagas(client, database, systems, queue)
    async with working.worker(build):
        if build is not None:
            await Deployment(client, queue).begin(build)
        yield working
        await keep_histories(client, queue)


async def end_runs(client: Client, queue: str) -> None:
    """Those of the queue and of its lanes: the next test has the same names, and its dispatcher
    would wait for them to close."""
    async for run in client.list_workflows(f'TaskQueue STARTS_WITH "{queue}"'):
        # By its name alone: one that was begun since is not listed yet. Most have closed.
        with contextlib.suppress(RPCError):
            await client.get_workflow_handle(run.id).terminate()


async def gone_quiet(handle: Handle) -> None:
    """Until the run is closed, however it ended."""
    await asyncio.wait([asyncio.ensure_future(handle.result())])
