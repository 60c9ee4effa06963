"""`trueup adopt --apply` over many customers, with vendors that answer at once.

    python -m benchmarks.adopt [--customers 10000]

The workflow on a real Temporal server and the worker of this process, PostgreSQL with its durable
defaults. Each customer has a subscription of two items, an invoice that was open at the cutover and
stands in the ERP, a party that is found by our external id, and an organisation; all of it is made
up when it is asked for, so that the memory is the worker's own.
"""

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import structlog
import uvloop
from temporalio.client import Client

from activities.tenants import Tenant
from benchmarks.limits import Limit, told
from canonical_models.adoption import Going
from canonical_models.batch import Batch, BatchKind, ItemOutcome, batch_process
from canonical_models.commerce import (
    AccountProfile,
    AccountSnapshot,
    BilledCustomer,
    BillingSnapshot,
    Customer,
    CustomerPage,
)
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.ledgering import DocumentState, ErpDocument, OpenItem, PartyMatch
from canonical_models.policy import AccountPolicy, TenantPolicy
from connectors.ports import BillingPort, ErpPort, TicketingPort
from persistence import batches, mappings
from persistence.database import Database, migrate
from runtime.processes import Folders
from runtime.temporal import connect
from sandbox.embedded.ports import Ports
from sandbox.embedded.temporal_server import TemporalServer
from tests.harness.postgres import durable_server
from tests.harness.subscriptions import ITEMS, START, invoice, item, line, snapshot, subscription
from worker import make_worker

TENANT, ADOPTION_ID = "acme", "ado_bench"
BEFORE = START - timedelta(days=10)


def open_invoice(number: str) -> BillingDocument:
    charged = line(f"il_{number}", 20000, of=f"sub_{number}", starts=BEFORE, ends=START)
    return invoice(charged, key=f"in_{number}", customer=f"cus_{number}", issued_at=BEFORE)


@dataclass
class Billing:
    customers: int

    async def customer_page(
        self, *, after: str | None = None, limit: int = 100, only: str | None = None
    ) -> CustomerPage:
        del only
        first = int(after or 0)
        last = min(first + limit, self.customers)
        return CustomerPage(
            customers=tuple(
                BilledCustomer(
                    customer_id=f"cus_{number}",
                    subscriptions=(f"sub_{number}",),
                    open_documents=(f"in_{number}",),
                )
                for number in range(first, last)
            ),
            next=str(last) if last < self.customers else None,
        )

    async def account_snapshot(
        self, customer_id: str, *, documents: Collection[str], since: datetime | None
    ) -> AccountSnapshot:
        del since
        number = customer_id.removeprefix("cus_")
        return AccountSnapshot(
            customer_id=customer_id,
            as_of=START,
            documents=(open_invoice(number),) if documents else (),
        )

    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        del since
        number = subscription_id.removeprefix("sub_")
        now = subscription(
            item("pro", 5, key=f"si_{number}"),
            item("ai", 1, key=f"si_{number}a"),
            subscription_id=subscription_id,
        )
        whose = Customer(customer_id=f"cus_{number}")
        return snapshot(now.model_copy(update={"customer": whose}), open_invoice(number))

    async def account(self, customer_id: str) -> AccountProfile:
        return AccountProfile(customer_id=customer_id, name=f"Customer {customer_id}")


class Erp:
    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        return (PartyMatch(party=f"C-{profile.customer_id}", by="external_id"),)

    async def find_number(self, number: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        key = number.removeprefix("N-in_")
        document = open_invoice(key)
        return (
            ErpDocument(
                document_id=f"9{key}",
                external_id="",
                legal_entity=legal_entity,
                party=f"C-cus_{key}",
                currency=document.currency,
                number=f"R-{key}",
                billing_number=number,
                kind=document.kind,
                state=DocumentState.POSTED,
                net=document.net,
                tax=document.tax,
                open=document.gross,
                ours=False,
            ),
        )

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        del party, legal_entity
        return ()


class Support:
    async def organization(self, external_id: str) -> SupportOrganization:
        nothing = SupportEntitlement(organization=external_id, tier=None, contract_end=None)
        return SupportOrganization(organization_id=f"org-{external_id}", entitlement=nothing)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        named = entitlement.organization
        return SupportOrganization(organization_id=f"org-{named}", entitlement=entitlement)


def tenant(customers: int) -> Tenant:
    made = Tenant(
        name=TENANT,
        connection="stripe",
        books_from=START,
        # What an adoption calls, and no more.
        billing=cast("BillingPort", Billing(customers)),
        erp=cast("ErpPort", Erp()),
        support=cast("TicketingPort", Support()),
    )
    return replace(made, policy=TenantPolicy(accounts=AccountPolicy(legal_entity="LE-DE")))


@asynccontextmanager
async def at_work(customers: int) -> AsyncIterator[tuple[Client, Database, str]]:
    """Everything is ended and removed after the block."""
    async with AsyncExitStack() as stack:
        state = Path(tempfile.mkdtemp(prefix="trueup-bench-"))
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        folders = Folders(state / "logs", state / "run")
        folders.prepare()
        dsn = stack.enter_context(durable_server()).dsn("postgres")
        await migrate(dsn)
        database = Database(dsn, ping=False)
        stack.push_async_callback(database.close)
        server = TemporalServer(state, folders, Ports(state / "ports.json"))
        temporal, settings = await server.start()
        stack.push_async_callback(temporal.stop)
        async with database.transaction() as conn:
            for mapping in ITEMS.values():
                await mappings.put(conn, TENANT, mapping, by="bench")
        client = await connect(settings)
        queue = "bench-adopt"
        await stack.enter_async_context(
            make_worker(client, queue, database, {TENANT: tenant(customers)})
        )
        yield client, database, queue


async def begin(database: Database) -> None:
    async with database.transaction() as conn:
        await batches.begin(
            conn,
            TENANT,
            ADOPTION_ID,
            BatchKind.ADOPT,
            subject="customers",
            given=Going(rehearsal=False, cutover=START).model_dump(mode="json"),
            by="bench",
            listed=False,
        )


async def adopt(client: Client, queue: str) -> None:
    process = batch_process(TENANT, ADOPTION_ID)
    await client.execute_workflow(
        process.kind.value, process, id=process.workflow_id, task_queue=queue
    )


async def far(database: Database) -> Batch:
    async with database.statement() as conn:
        found = await batches.get(conn, TENANT, ADOPTION_ID)
    if found is None:
        raise RuntimeError("the batch was not begun")
    return found


async def measure(customers: int) -> int:
    early: list[float] = []
    async with at_work(customers) as (client, database, queue):
        began, worked_before = time.perf_counter(), time.process_time()
        await begin(database)
        running = asyncio.create_task(adopt(client, queue))
        while not running.done():
            await asyncio.wait([running], timeout=0.5)
            if not early and (await far(database)).count(ItemOutcome.DONE) >= customers // 10:
                early.append(peak())
        running.result()
        took, worked = time.perf_counter() - began, time.process_time() - worked_before
        found = (await far(database)).counts
        async with database.statement() as conn:
            given: Any = await (await conn.execute("select count(*) from grants")).fetchone()
    if found != {ItemOutcome.DONE: customers} or given[0] != customers * 3:
        raise RuntimeError(f"not adopted as they are: {found}, {given[0]} grants")
    at_a_tenth = early[0] if early else peak()
    print(
        f"  {customers} customers in {took:.1f} s, of which this process was at work for "
        f"{worked:.1f} s; peak memory {at_a_tenth:.0f} MB after a tenth of them, {peak():.0f} MB "
        "at the end",
        file=sys.stderr,
    )
    return told(
        [
            Limit("customers adopted", customers / took, 50, "/s", at_least=True),
            Limit("peak memory of the worker", peak(), 300, " MB"),
            Limit("memory of nine tenths more customers", peak() - at_a_tenth, 40, " MB"),
        ]
    )


def peak() -> float:
    """Of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    return uvloop.run(measure(parser.parse_args().customers))


if __name__ == "__main__":
    sys.exit(main())
