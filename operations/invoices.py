"""Invoices and credit notes: billing's document and the ERP's, and where they stand."""

from datetime import UTC, datetime

from canonical_models.base import Canonical
from canonical_models.documents import BillingDocument
from canonical_models.exceptions import Track
from canonical_models.ledgering import ErpDocument
from canonical_models.records import DocumentRecord
from canonical_models.views import ExceptionView
from operations.context import AppContext
from operations.dunning import CaseView, case_views
from operations.errors import Conflict, NotFound
from operations.movements import SettlementView, settlement_views
from operations.paging import Page, cursor, cut, moment
from operations.sides import InvoiceSummary, TaxRow, summaries, tax_rows
from persistence import documents, dunning, exceptions, settlements
from persistence.connection import Connection
from workflows.names import INVOICES, invoices_id

ERP_STATUSES = ("unposted", "posted", "part_paid", "paid", "overdue", "credited")


class InvoiceDetail(Canonical):
    """`document` is billing's, whole but for whom it names, and `posted` the ERP's as it was last
    read; `age_seconds` is how long ago the ERP was asked where it stands, None when it has not
    been. `exceptions` are open and keep the books of its subject waiting."""

    summary: InvoiceSummary
    age_seconds: float | None
    taxes: tuple[TaxRow, ...]
    document: BillingDocument
    posted: ErpDocument | None
    settlements: tuple[SettlementView, ...]
    exceptions: tuple[ExceptionView, ...]
    dunning: CaseView | None


class Refreshed(Canonical):
    """What a look at the ERP came to. `finished` is False while it still goes on by itself.

    `problems` could not be read or told, and are tried again at the next sweep. `was` is the
    status in the ERP before, and `invoice` as it is now, where a single one was asked for.
    """

    finished: bool
    looked_at: int
    changed: int
    problems: tuple[str, ...]
    was: str | None
    invoice: InvoiceDetail | None


async def list_(
    context: AppContext,
    tenant: str,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    erp_status: str | None = None,
    number: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[InvoiceSummary]:
    """Newest first. `number` is billing's or the ERP's."""
    async with context.database.transaction() as conn:
        found = await documents.page(
            conn,
            tenant,
            customer_id=customer_id,
            subject=subscription_id,
            erp_status=erp_status,
            number=number,
            before=moment(after),
            limit=limit + 1,
        )
        items, more = cut(found, limit)
        shown = await summaries(context, conn, tenant, items)
    last = items[-1].document if more else None
    following = cursor(last.issued_at.isoformat(), last.document_id) if last else None
    return Page[InvoiceSummary](items=shown, next=following)


async def show(context: AppContext, tenant: str, named: str) -> InvoiceDetail:
    """By billing's id, or by a number of either system. Raises NotFound, Conflict for a number of
    several."""
    async with context.database.transaction() as conn:
        record = await find(conn, tenant, named)
        document, posted = record.document, record.posted
        case = await dunning.get(conn, tenant, document.document_id)
        cases = await case_views(context, conn, tenant, (case,) if case else ())
        asked = await exceptions.open_of(conn, tenant, [record.subject])
        moved = await settlements.of_documents(conn, tenant, [document.document_id])
        (shown,) = await summaries(context, conn, tenant, [record])
    at = record.erp_status_at
    comparable = posted if posted is not None and posted.currency == document.currency else None
    return InvoiceDetail(
        summary=shown,
        age_seconds=None if at is None else (datetime.now(UTC) - at).total_seconds(),
        taxes=tax_rows(document, comparable),
        document=document,
        posted=posted,
        settlements=settlement_views(moved),
        exceptions=tuple(found for found in asked if found.track == Track.BOOKS.value),
        dunning=cases[0] if cases else None,
    )


async def refresh(context: AppContext, tenant: str, named: str | None = None) -> Refreshed:
    """Have the ERP asked now where the invoice stands, or all that may have moved, and billing
    told. Safe to repeat: who asks while it is being done gets the same answer.

    Raises NotFound, Conflict for a number of several, Unavailable.
    """
    before = None if named is None else await show(context, tenant, named)
    invoice_id = before.summary.invoice_id if before else None
    swept = await context.engine.result(
        INVOICES,
        {"tenant": tenant, "invoice_ids": [] if invoice_id is None else [invoice_id]},
        workflow_id=f"{invoices_id(tenant)}/{invoice_id or 'all'}",
        tenant=tenant,
        summary=f"Where {f'invoice {invoice_id}' if invoice_id else 'invoices'} stand in the ERP",
    )
    found = swept or {}
    return Refreshed(
        finished=swept is not None,
        looked_at=int(found.get("looked_at", 0)),
        changed=int(found.get("changed", 0)),
        problems=tuple(map(str, found.get("problems", ()))),
        was=before.summary.erp_status if before else None,
        invoice=None if invoice_id is None else await show(context, tenant, invoice_id),
    )


async def find(conn: Connection, tenant: str, named: str) -> DocumentRecord:
    """By billing's id, or by a number of either system. Raises NotFound, Conflict for a number of
    several."""
    known = await documents.get(conn, tenant, named)
    if known is not None:
        return known
    numbered = await documents.page(conn, tenant, number=named, limit=5)
    if not numbered:
        raise NotFound(
            f"no invoice or credit note is called {named}: billing has not shown one of this id "
            "or number",
            remedy="list those known, or have the customer looked at",
            see=("invoices", ""),
        )
    if len(numbered) > 1:
        several = ", ".join(record.document.document_id for record in numbered)
        raise Conflict(
            f"the number {named} belongs to several documents: {several}",
            remedy="name one of them by billing's id",
        )
    return numbered[0]
