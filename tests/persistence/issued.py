"""Documents as billing issues them and the ERP holds them, as short as a test wants them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from canonical_models.amendment import (
    Amendment,
    AmendmentPlan,
    BooksPlan,
    ChangeKind,
    DocumentStep,
)
from canonical_models.commerce import BillingSnapshot, Customer, Subscription, SubscriptionStatus
from canonical_models.documents import (
    BilledParty,
    BillingDocument,
    BillingLine,
    DocumentKind,
    DocumentStatus,
    LineTax,
    PostalAddress,
    Settlement,
    SettlementKind,
    TaxId,
)
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from persistence import change_runs, documents
from persistence.change_runs import Done
from persistence.database import Database

TENANT = "acme"
BOOKS_FROM = datetime(2026, 11, 1, tzinfo=UTC)
ISSUED = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)

PARTY = BilledParty(
    name="Jane Doe GmbH",
    email="jane@doe.example",
    address=PostalAddress(lines=("Hauptstr. 1",), city="Berlin", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE123456789", country="DE"),),
)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def line(
    line_id: str = "il_1",
    net: int = 10000,
    *,
    of: str | None = "sub_1",
    since: datetime | None = ISSUED,
    until: datetime | None = ISSUED + 30 * DAY,
) -> BillingLine:
    tax = LineTax(amount=eur(net * 19 // 100), rate=Decimal("0.19"), kind="vat", country="de")
    return BillingLine(
        line_id=line_id,
        item="prod_pro",
        price="price_pro",
        description="Pro",
        quantity=Decimal("2.5"),
        net=eur(net),
        taxes=(tax,),
        period_start=since,
        period_end=until,
        subscription_id=of,
        metadata={"department": "42"},
    )


def paid(settlement_id: str, minor: int, *, document_id: str | None = "in_1") -> Settlement:
    return Settlement(
        settlement_id=settlement_id,
        kind=SettlementKind.PAYMENT,
        document_id=document_id,
        amount=eur(minor),
        at=ISSUED + DAY,
    )


def document(
    document_id: str = "in_1",
    *lines: BillingLine,
    status: DocumentStatus = DocumentStatus.OPEN,
    remaining: int | None = None,
    settlements: Iterable[Settlement] = (),
    issued_at: datetime = ISSUED,
    **members: object,
) -> BillingDocument:
    """Open and asking for all of it, unless told otherwise."""
    charged = lines or (line(),)
    net = sum(each.net.minor for each in charged)
    tax = sum(each.tax.minor for each in charged if each.tax)
    owed = net + tax if status in (DocumentStatus.OPEN, DocumentStatus.ISSUED) else 0
    made = BillingDocument(
        document_id=document_id,
        kind=DocumentKind.INVOICE,
        status=status,
        number=f"N-{document_id}",
        customer_id="cus_1",
        currency="EUR",
        issued_at=issued_at,
        bill_to=PARTY,
        lines=charged,
        net=eur(net),
        tax=eur(tax),
        gross=eur(net + tax),
        remaining=eur(owed if remaining is None else remaining),
        settlements=tuple(settlements),
        metadata={"po": "7"},
    )
    return made.model_copy(update=members)


def in_erp(
    of: BillingDocument, erp_id: str = "101", *, open_: int | None = None, **members: object
) -> ErpDocument:
    """As the ERP holds it: the same sums, and the same open unless told otherwise."""
    made = ErpDocument(
        document_id=erp_id,
        external_id=of.document_id,
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        number=f"ERP-{erp_id}",
        kind=of.kind,
        state=DocumentState.POSTED,
        net=of.net,
        tax=of.tax,
        open=of.remaining if open_ is None else eur(open_),
    )
    return made.model_copy(update=members)


async def see(
    database: Database, *shown: BillingDocument, books_from: datetime = BOOKS_FROM
) -> None:
    async with database.transaction() as conn:
        await documents.seen(conn, TENANT, "billing", shown, books_from=books_from)


async def post(
    database: Database,
    of: BillingDocument,
    erp: ErpDocument | None = None,
    *,
    generation: int = 1,
    content: str | None = None,
) -> None:
    async with database.transaction() as conn:
        await documents.posted(
            conn,
            TENANT,
            of.document_id,
            generation=generation,
            effect_key=f"document:{TENANT}/{of.document_id}/{generation}",
            change_id="chg_1",
            content=of.content if content is None else content,
            erp=erp or in_erp(of),
            party="C-1001",
        )


async def record(database: Database, document_id: str = "in_1") -> DocumentRecord:
    async with database.statement() as conn:
        found = await documents.get(conn, TENANT, document_id)
    assert found is not None
    return found


def ids(found: Iterable[DocumentRecord]) -> list[str]:
    return [each.document.document_id for each in found]


async def planned(database: Database, change_id: str, *document_ids: str) -> None:
    """A change of sub_1 whose plan is about these documents."""
    steps = tuple(
        DocumentStep(document_id=key, content="c", legal_entity="LE-DE") for key in document_ids
    )
    told = Amendment(
        kind=ChangeKind.BILLED, summary="billed", customer_id="cus_1", effective_at=ISSUED
    )
    plan = AmendmentPlan(
        change_id=change_id, subject="sub_1", amendment=told, books=BooksPlan(documents=steps)
    )
    sold = Subscription(
        subscription_id="sub_1",
        customer=Customer(customer_id="cus_1"),
        status=SubscriptionStatus.ACTIVE,
        currency="EUR",
        items=(),
        started_at=ISSUED,
        as_of=ISSUED,
    )
    snapshot = BillingSnapshot(subscription=sold)
    async with database.transaction() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind,"
            " state, outcome, plan, snapshot) values (%s, %s, 'billing', 'sub_1', 'sub_1', %s,"
            " 'billed', 'settled', 'completed', %s::jsonb, %s::jsonb)",
            (change_id, TENANT, change_id, plan.model_dump_json(), snapshot.model_dump_json()),
        )


async def outcome(database: Database, change_id: str, tenant: str = TENANT) -> Done | None:
    async with database.statement() as conn:
        return await change_runs.done(conn, tenant, change_id)
