"""Invoices whose documents are posted, put straight into our tables and the scripted ERP."""

from collections.abc import Sequence
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from canonical_models.ledgering import Document, DocumentKind, DocumentState
from canonical_models.money import Money
from canonical_models.term import Invoice, InvoiceStatus
from persistence import invoices
from persistence.database import Database
from persistence.invoices import InvoiceView
from tests.harness.scripted_erp import Erp

CREATED = datetime(2026, 11, 1, tzinfo=UTC)


def invoice(invoice_id: str, status: InvoiceStatus = InvoiceStatus.OPEN) -> Invoice:
    paid = status is InvoiceStatus.PAID
    return Invoice(
        invoice_id=invoice_id,
        customer_id="cus_1",
        status=status,
        total=Money(minor=1000, currency="EUR"),
        paid=Money(minor=1000 if paid else 0, currency="EUR"),
        created_at=CREATED,
    )


async def ask(database: Database, *asked: Invoice) -> None:
    """Billing shows these invoices of `sub_1`."""
    async with database.work() as raw:
        await invoices.seen(raw, "acme", "sub_1", "cus_1", asked)


async def post(
    database: Database, erp: Erp, invoice_ids: Sequence[str], legal_entity: str = "LE-DE"
) -> None:
    """A document for each of them."""
    async with database.work() as raw:
        for invoice_id in invoice_ids:
            number = len(erp.documents) + 1
            key = f"chg_{number}/erp.document"
            document = Document(
                document_id=str(number),
                legal_entity=legal_entity,
                reference=f"chg_{number}",
                number=f"INV-{number}",
                kind=DocumentKind.INVOICE,
                state=DocumentState.POSTED,
                net=Money(minor=1000, currency="EUR"),
                tax=Money.zero("EUR"),
            )
            erp.documents.append(document)
            await raw.execute(
                "insert into effects (key, tenant, change_id, step, system, operation, "
                "request_hash, state, result) values (%s, 'acme', %s, 'erp.document', 'erp', "
                "'post', '', 'confirmed', %s)",
                (key, document.reference, Jsonb(document.model_dump(mode="json"))),
            )
            await raw.execute(
                "insert into posted_lines (tenant, line_id, subscription_id, effect_key, state, "
                "minor, currency, document_id, item, invoice_id) "
                "values ('acme', %s, 'sub_1', %s, 'posted', 1000, 'EUR', %s, 'PRO', %s)",
                (f"il_{number}", key, document.document_id, invoice_id),
            )


async def reverse(database: Database, invoice_id: str) -> None:
    """Its documents have been undone."""
    async with database.work() as raw:
        await raw.execute(
            "update posted_lines set state = 'reversed' where invoice_id = %s", (invoice_id,)
        )


async def view(database: Database, invoice_id: str) -> InvoiceView:
    async with database.statement() as raw:
        found = await invoices.get(raw, "acme", invoice_id)
    assert found is not None
    return found
