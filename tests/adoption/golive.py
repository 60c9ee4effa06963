"""A company that goes live: what it has sold before, and its ERP as the process before left it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from activities.contracts.amendment import Settled
from canonical_models.adoption import (
    AdoptedCustomer,
    Adoption,
    AdoptionResult,
    AdoptionState,
    Finding,
    Going,
)
from canonical_models.amendment import ChangeKind, customer_of
from canonical_models.batch import BatchKind, batch_process
from canonical_models.commerce import BillingSnapshot, Customer, SubscriptionStatus
from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.mapping import AccountMapping
from canonical_models.money import Money
from canonical_models.process import ProcessKind
from persistence import adoptable, adoption_reports, adoptions, batches, documents, subscriptions
from persistence.database import Database
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems
from tests.harness.waiting import until
from workflows.names import ACCOUNT, AMENDMENT, NEWS, ChangeInput, change_workflow_id

CUTOVER = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE = CUTOVER - timedelta(days=10)
#: Calls that change something in another system.
WRITES = (
    "billing.record_sync",
    "billing.record_erp_status",
    "billing.cancel",
    "billing.close_invoice",
    "erp.post",
    "erp.show_unbilled",
    "erp.reverse",
    "erp.settle",
    "erp.create_party",
    "erp.update_party",
    "support.create_organization",
    "support.rename_organization",
    "support.publish",
)
#: Of our tables, what an adoption writes of itself.
OWN = {"batches", "batch_items", "processes", "alembic_version"}


def before_going_live(**changed: Any) -> Systems:
    systems = Systems(**changed)
    systems.tenant = replace(systems.tenant, books_from=CUTOVER)
    return systems


def sold(
    *documents: BillingDocument,
    number: int = 1,
    product: str = "pro",
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
) -> BillingSnapshot:
    """Subscription `sub_<number>` of `cus_<number>` over five units."""
    now = subscription(
        item(product, 5, key=f"si_{number}"), subscription_id=f"sub_{number}", status=status
    )
    return snapshot(
        now.model_copy(update={"customer": Customer(customer_id=f"cus_{number}")}), *documents
    )


def old(
    key: str = "in_old", minor: int = 20000, *, number: int = 1, **more: Any
) -> BillingDocument:
    """An open invoice of October, of the subscription of this number."""
    given: dict[str, Any] = {"issued_at": BEFORE, "status": DocumentStatus.OPEN, **more}
    charged = line(f"il_{key}", minor, of=f"sub_{number}", starts=BEFORE, ends=CUTOVER)
    return invoice(charged, key=key, customer=f"cus_{number}", **given)


def in_erp(of: BillingDocument, erp_id: str = "700", **changed: Any) -> ErpDocument:
    """As the process before has made it: under billing's number, with no reference of ours."""
    made = ErpDocument(
        document_id=erp_id,
        external_id="",
        legal_entity="LE-DE",
        party="C-1001",
        currency=of.currency,
        number=f"R-{erp_id}",
        billing_number=of.number,
        kind=of.kind,
        state=DocumentState.POSTED,
        net=of.net,
        tax=of.tax,
        open=of.gross,
        ours=False,
    )
    return made.model_copy(update=changed)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


@dataclass
class GoLive:
    sagas: Sagas

    @property
    def systems(self) -> Systems:
        return self.sagas.systems

    @property
    def database(self) -> Database:
        return self.sagas.database

    @property
    def written(self) -> list[str]:
        return [call for call in self.systems.script.calls if call in WRITES]

    def sells(self, *shown: BillingSnapshot) -> None:
        for each in shown:
            self.systems.billing.snapshots[each.subscription.subscription_id] = each

    async def maps(self, *numbers: int) -> None:
        """Customers by their numbers, each to a party and an organisation of its own."""
        made = [
            AccountMapping(
                billing_customer=f"cus_{number}",
                erp_party=f"C-{number}",
                support_organization=f"cus_{number}",
                legal_entity="LE-DE",
            )
            for number in numbers
        ]
        async with self.database.transaction() as conn, conn.pipeline():
            for mapping in made:
                await adoptable.map_account(conn, "acme", mapping, by="tester")

    async def begin(
        self, adoption_id: str, *, rehearsal: bool, customer: str | None = None
    ) -> None:
        await self.begin_by(adoption_id, CUTOVER, rehearsal=rehearsal, customer=customer)

    async def begin_by(
        self,
        adoption_id: str,
        cutover: datetime,
        *,
        rehearsal: bool,
        customer: str | None = None,
    ) -> None:
        going = Going(rehearsal=rehearsal, customer=customer, cutover=cutover)
        async with self.database.transaction() as conn:
            await batches.begin(
                conn,
                "acme",
                adoption_id,
                BatchKind.ADOPT,
                subject="customers",
                given=going.model_dump(mode="json"),
                by="tester",
                listed=False,
            )

    async def start(self, adoption_id: str) -> WorkflowHandle[Any, Any]:
        """As the dispatcher does, or again where it has been lost."""
        process = batch_process("acme", adoption_id)
        return await self.sagas.client.start_workflow(
            ProcessKind.BATCH.value,
            process,
            id=f"{process.workflow_id}/{self.sagas.task_queue}",
            task_queue=self.sagas.task_queue,
            task_timeout=timedelta(seconds=2),
            start_signal=NEWS,
            result_type=str,
        )

    async def rests(self, adoption_id: str) -> Adoption:
        """Once it does not run any more."""

        async def so() -> bool:
            return (await self.adoption(adoption_id)).state is not AdoptionState.RUNNING

        await until(so, f"{adoption_id} does not run")
        return await self.adoption(adoption_id)

    async def adopts(
        self, adoption_id: str, *, rehearsal: bool = False, customer: str | None = None
    ) -> dict[str, AdoptedCustomer]:
        """What was found, by customer, once it has ended."""
        await self.begin(adoption_id, rehearsal=rehearsal, customer=customer)
        await (await self.start(adoption_id)).result()
        assert (await self.adoption(adoption_id)).state is AdoptionState.ENDED
        return await self.found(adoption_id)

    async def only(self, adoption_id: str = "ado_1") -> AdoptedCustomer:
        """The one customer that there is."""
        (found,) = (await self.adopts(adoption_id)).values()
        return found

    async def found(self, adoption_id: str) -> dict[str, AdoptedCustomer]:
        async with self.database.statement() as conn:
            rows = await adoption_reports.customers(conn, "acme", adoption_id, limit=5000)
        return {each.customer_id: each for each in rows}

    async def adoption(self, adoption_id: str) -> Adoption:
        async with self.database.statement() as conn:
            found = await adoptions.get(conn, "acme", adoption_id)
        assert found is not None
        return found

    async def agreed(self, subscription_id: str = "sub_1") -> bool:
        async with self.database.transaction() as conn:
            return await subscriptions.get(conn, "acme", subscription_id) is not None

    async def asked(self) -> list[tuple[str, list[str], bool, int]]:
        """Changes that were asked for: (subject, documents, whole, lane)."""
        async with self.database.statement() as conn:
            found = await conn.execute(
                "select subject, documents, whole, lane from changes "
                "where connection = 'trueup' order by subject"
            )
            return [tuple(row) for row in await found.fetchall()]

    async def runs(self, subject: str) -> Settled:
        """The change that was asked for, claimed and started as the dispatcher does."""
        async with self.database.statement() as conn:
            found = await conn.execute(
                "update changes set state = 'running' where connection = 'trueup' "
                "and subject = %s and state = 'pending' returning id",
                (subject,),
            )
            row = await found.fetchone()
        assert row is not None
        settled: Settled = await self.sagas.client.execute_workflow(
            AMENDMENT if customer_of(subject) is None else ACCOUNT,
            ChangeInput(
                tenant="acme", change_id=row[0], subject=subject, trigger=ChangeKind.BILLED
            ),
            id=change_workflow_id(self.sagas.task_queue, subject),
            task_queue=self.sagas.task_queue,
            result_type=Settled,
        )
        return settled

    async def linked(self, document_id: str = "in_old") -> str | None:
        async with self.database.transaction() as conn:
            found = await documents.get(conn, "acme", document_id)
        return found.posted.document_id if found is not None and found.posted else None

    async def tables(self) -> dict[str, list[str]]:
        """Every row of every table but the adoption's own."""
        async with self.database.statement() as conn:
            names = await conn.execute(
                "select tablename from pg_tables where schemaname = 'public' order by 1"
            )
            held = {}
            for (name,) in await names.fetchall():
                if name not in OWN:
                    rows = await conn.execute(f"select t::text from {name} t order by 1".encode())
                    held[name] = [row[0] for row in await rows.fetchall()]
            return held


def causes(found: AdoptedCustomer) -> list[str]:
    return [each.cause for each in found.findings]


def finding(found: AdoptedCustomer) -> Finding:
    """The only one."""
    (one,) = found.findings
    assert found.result is AdoptionResult.LEFT
    return one
