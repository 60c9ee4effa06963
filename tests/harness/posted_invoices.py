"""Invoices whose documents are posted, put straight into our tables and the scripted ERP."""

from collections.abc import Sequence

from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.records import DocumentRecord
from persistence import documents
from persistence.database import Database
from tests.harness import subscriptions
from tests.harness.scripted_erp import Erp
from tests.harness.subscriptions import line, paid, payment
from tests.harness.systems import CUTOVER


def invoice(invoice_id: str, status: DocumentStatus = DocumentStatus.OPEN) -> BillingDocument:
    """Over 10.00, of `sub_1`."""
    asked = subscriptions.invoice(line(f"il_{invoice_id}", 1000), key=invoice_id)
    if status is DocumentStatus.PAID:
        return paid(asked, payment(1000, f"pi_{invoice_id}", invoice_id))
    return asked


async def ask(database: Database, *asked: BillingDocument) -> None:
    """Billing shows these invoices."""
    async with database.transaction() as conn:
        await documents.seen(conn, "acme", "stripe", asked, books_from=CUTOVER)


async def post(
    database: Database, erp: Erp, invoice_ids: Sequence[str], legal_entity: str = "LE-DE"
) -> None:
    """The ERP's document of each of them, for the first time or after a release."""
    async with database.transaction() as conn:
        for invoice_id in invoice_ids:
            record = await documents.get(conn, "acme", invoice_id)
            assert record is not None
            number, issued = str(len(erp.documents) + 1), record.document
            made = ErpDocument(
                document_id=number,
                external_id=f"{invoice_id}/{record.generation}",
                legal_entity=legal_entity,
                party="C-1001",
                currency="EUR",
                number=f"INV-{number}",
                billing_number=issued.number,
                kind=issued.kind,
                state=DocumentState.POSTED,
                net=issued.net,
                tax=issued.tax,
                open=issued.gross,
            )
            erp.documents.append(made)
            await documents.posted(
                conn,
                "acme",
                invoice_id,
                generation=record.generation,
                effect_key=f"document:acme/{made.external_id}",
                change_id=f"chg_{number}",
                content=issued.content,
                erp=made,
                party="C-1001",
            )


async def reverse(database: Database, erp: Erp, invoice_id: str) -> None:
    """Its document has been taken back."""
    posted = (await view(database, invoice_id)).posted
    assert posted is not None
    reversal = await erp.reverse(
        posted.document_id,
        posted.legal_entity,
        reference=f"{posted.external_id}/undo",
        on=subscriptions.AS_OF.date(),
    )
    async with database.transaction() as conn:
        await documents.reversed_(conn, "acme", invoice_id, erp=reversal, hold=subscriptions.HOLD)


async def release(database: Database, invoice_id: str) -> None:
    """What was taken back may be posted again."""
    async with database.transaction() as conn:
        assert await documents.hold(conn, "acme", invoice_id, None)


async def view(database: Database, invoice_id: str) -> DocumentRecord:
    async with database.statement() as conn:
        found = await documents.get(conn, "acme", invoice_id)
    assert found is not None
    return found
