"""Years of a subscription's life within seconds: real Temporal with its timers skipped, real
PostgreSQL, dispatcher and worker; scripted systems whose billing has a clock of its own."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import BillingSnapshot
from canonical_models.decisions import Outcome
from canonical_models.documents import (
    BillingDocument,
    BillingLine,
    DocumentStatus,
    SettlementKind,
)
from canonical_models.entitlement import Grant
from canonical_models.exceptions import Action, Resolution
from canonical_models.occasion import SyncAsked
from canonical_models.process import Process, ProcessKind
from canonical_models.term import DunningCase
from canonical_models.views import ChangeView, ExceptionView
from dispatch.dispatcher import Dispatcher
from persistence import change_queue, changes, dunning, exceptions, grants, mappings, outbox
from persistence.database import Database
from runtime.settings import DispatchSettings
from tests.harness import subscriptions
from tests.harness.deciding import taken
from tests.harness.kept_histories import keep_histories
from tests.harness.sagas import end_runs
from tests.harness.subscriptions import ACCOUNT, ITEMS
from tests.harness.systems import Systems
from tests.harness.temporal import temporal_server
from tests.harness.waiting import until
from worker import SANDBOX, make_worker

TENANT = "acme"
SUB = "sub_1"


@dataclass
class Life:
    """The life of `sub_1` of `cus_1`, by the clock of billing."""

    environment: WorkflowEnvironment
    client: Client
    database: Database
    systems: Systems
    _looks: int = 0
    _named: set[str] = field(default_factory=set)
    _handles: dict[str, WorkflowHandle[Any, Any]] = field(default_factory=dict)

    @property
    def billing(self) -> BillingSnapshot:
        return self.systems.billing.snapshots[SUB]

    @billing.setter
    def billing(self, snapshot: BillingSnapshot) -> None:
        self.systems.billing.snapshots[SUB] = snapshot

    @property
    def now(self) -> datetime:
        return self.billing.subscription.as_of

    def change(self, **subscription: Any) -> None:
        """Billing's subscription gets these members."""
        found = self.billing
        now = found.subscription.model_copy(update=subscription)
        self.billing = found.model_copy(update={"subscription": now})

    def bill(self, invoice: str, *lines: BillingLine, overdue: bool = False) -> None:
        """An open invoice of these lines; `overdue` when its first charge was refused just now."""
        made = subscriptions.invoice(
            *lines, key=invoice, issued_at=self.now, overdue_since=self.now if overdue else None
        )
        self._show(*self.billing.documents, made)

    def pay(self, invoice: str) -> None:
        """All that is left of it, once for each time that it is owed."""
        number = sum("pi_" in each.settlement_id for each in self.document(invoice).settlements)
        self.move(invoice, f"pi_{invoice}_{number}", self.document(invoice).remaining.minor)

    def move(
        self,
        invoice: str,
        settlement: str,
        minor: int,
        kind: SettlementKind = SettlementKind.PAYMENT,
        *,
        settles: bool = True,
    ) -> None:
        """Money of the invoice, by which less is owed; or, where it does not settle it, a movement
        of its own that is about it."""
        asked = self.document(invoice)
        moved = subscriptions.payment(minor, settlement, invoice, self.now).model_copy(
            update={"kind": kind}
        )
        if settles:
            found = subscriptions.paid(asked, moved)
            owed = DocumentStatus.OPEN if found.remaining else DocumentStatus.PAID
            found = found.model_copy(
                update={
                    "status": owed,
                    "overdue_since": asked.overdue_since if found.remaining else None,
                }
            )
        else:
            apart = moved.model_copy(update={"document_id": None, "about": invoice})
            found = asked.model_copy(update={"settlements": (*asked.settlements, apart)})
        self.replace(found)

    def document(self, invoice: str) -> BillingDocument:
        (found,) = [d for d in self.billing.documents if d.document_id == invoice]
        return found

    def replace(self, document: BillingDocument) -> None:
        self._show(
            *(
                document if known.document_id == document.document_id else known
                for known in self.billing.documents
            )
        )

    def _show(self, *documents: BillingDocument) -> None:
        """What is new or has changed is named by the events that come of it."""
        known = self.billing.documents
        self._named |= {d.document_id for d in documents if d not in known}
        self.billing = self.billing.model_copy(update={"documents": documents})

    async def look(self, kind: ChangeKind = ChangeKind.OTHER) -> ChangeView:
        """An event comes in, which names what has changed since the last one; its change, once it
        is settled or waits for a person."""
        self._looks += 1
        named, self._named = self._named, set()
        async with self.database.transaction() as conn:
            made = await change_queue.follow(
                conn,
                TENANT,
                SUB,
                why=SyncAsked(str(self._looks)),
                kind=kind,
                customer_id="cus_1",
                documents=sorted(named),
            )
        await self.quiet()
        async with self.database.transaction() as conn:
            found = await changes.get(conn, TENANT, made)
        assert found is not None
        return found

    async def changes(self) -> list[ChangeView]:
        """Oldest first."""
        async with self.database.transaction() as conn:
            found = await changes.page(conn, TENANT, limit=200)
        return [*reversed(found)]

    async def quiet(self) -> None:
        """Until no change is under way and every process has heard its news."""

        async def done() -> bool:
            async with self.database.statement() as conn:
                found = await conn.execute(
                    "select (select count(*) from changes where state not in "
                    "('settled', 'waiting')) + (select count(*) from processes "
                    "where news > acknowledged)"
                )
                row = await found.fetchone()
            return row is not None and row[0] == 0

        await until(done, "all changes settled and all news told", seconds=30)

    async def passes(self, days: float, kind: ProcessKind, key: str) -> None:
        """Time goes by: on billing's clock, and for this process."""
        gone = timedelta(days=days)
        self.change(as_of=self.now + gone)
        handle = self.handle(kind, key)
        await self.environment.fast_forward(handle, gone)
        await self.quiet()

    def handle(self, kind: ProcessKind, key: str) -> WorkflowHandle[Any, Any]:
        process = Process(kind=kind, tenant=TENANT, key=key)
        return self.client.get_workflow_handle(process.workflow_id)

    async def case(self, invoice: str) -> DunningCase:
        async with self.database.statement() as conn:
            found = await dunning.get(conn, TENANT, invoice)
        assert found is not None
        return found

    async def stage(self, invoice: str, stage: str) -> DunningCase:
        """The case, once it has come to that stage."""

        async def reached() -> bool:
            return (await self.case(invoice)).stage.value == stage

        await until(reached, f"the case of {invoice} is {stage}", seconds=20)
        await self.quiet()
        return await self.case(invoice)

    async def exception(self, code: str) -> ExceptionView:
        """The open exception of this code, once there is one."""
        found: list[ExceptionView] = []

        async def opened() -> bool:
            async with self.database.transaction() as conn:
                found[:] = [e for e in await exceptions.page(conn, TENANT) if e.code == code]
            return bool(found)

        await until(opened, f"an exception {code}", seconds=20)
        return found[0]

    async def no_exception(self) -> None:
        async def none() -> bool:
            async with self.database.transaction() as conn:
                return not await exceptions.page(conn, TENANT)

        await until(none, "no exception is open", seconds=20)

    async def decide(
        self, kind: ProcessKind, key: str, exception: ExceptionView, action: Action
    ) -> None:
        assert exception.workflow_id == self.handle(kind, key).id
        decision = Resolution(exception_id=exception.exception_id, action=action, by="tester")
        # What the process has heard since may have answered its question first.
        outcomes = frozenset({Outcome.TAKEN, Outcome.VOID})
        await taken(self.database, TENANT, decision, outcomes=outcomes)

    async def grants(self) -> tuple[Grant, ...]:
        async with self.database.statement() as conn:
            return await grants.of_customer(conn, TENANT, "cus_1")

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """The data of the events of this type, in their order."""
        async with self.database.transaction() as conn:
            found = await outbox.page(conn, TENANT, limit=500)
        return [event.data for _, event in found if event.type == f"io.trueup.{kind}"]


@asynccontextmanager
async def skipping_server(*more_tuning: str) -> AsyncIterator[WorkflowEnvironment]:
    """A server whose timers are skipped on demand, workflow by workflow."""
    skipping = TimeSkippingConfig(enabled=False)
    async with temporal_server(skipping=skipping, more_tuning=more_tuning) as environment:
        yield environment


@asynccontextmanager
async def living(
    environment: WorkflowEnvironment, database: Database, systems: Systems
) -> AsyncIterator[Life]:
    """With the master data of tests.harness.subscriptions, a worker and a dispatcher."""
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, ACCOUNT, by="tester")
        for mapping in ITEMS.values():
            await mappings.put(conn, TENANT, mapping, by="tester")
    queue = f"life-{secrets.token_hex(4)}"
    client = environment.client
    dispatcher = Dispatcher(
        DispatchSettings(poll_seconds=0.5), database, client, {}, task_queue=queue
    )
    async with make_worker(client, queue, database, {TENANT: systems.tenant}, runner=SANDBOX):
        task = asyncio.create_task(dispatcher.run())
        try:
            yield Life(environment, client, database, systems)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await keep_histories(client, queue)
            await end_runs(client, queue)
