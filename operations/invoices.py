"""Invoices and credit notes: billing's document and the ERP's, and where they stand."""

from typing import Self

from canonical_models.base import Canonical
from canonical_models.documents import BillingDocument
from canonical_models.exceptions import Track
from canonical_models.ledgering import ErpDocument
from canonical_models.records import DocumentRecord
from canonical_models.views import ExceptionView
from operations.aging import Aging
from operations.context import AppContext
from operations.decisions import why_it_is_not_taken_back
from operations.dunning import CaseView, case_views
from operations.errors import Conflict, NotFound
from operations.invoice_fresh import Sources, ask, overlaid, sources
from operations.movements import SettlementView, settlement_views
from operations.paging import Page, cursor, cut, moment
from operations.sides import InvoiceSummary, TaxRow, summaries, summary, tax_rows, zone_of
from operations.support import systems_away
from persistence import breakers, documents, dunning, exceptions, mappings, settlements
from persistence.connection import Connection
from persistence.together import together
from workflows.names import INVOICES, invoices_id

ERP_STATUSES = ("unposted", "posted", "part_paid", "paid", "overdue", "credited")


class Links(Canonical):
    """Where people see it: billing's page and PDF, the ERP's document. None where there is none."""

    billing: str | None
    pdf: str | None
    erp: str | None


class InvoiceDetail(Aging):
    """`document` is billing's, whole but for whom it names, and `posted` the ERP's. `sources` say
    of both when they were read: what one of them does not say now is told as it was last read, with
    its age and why. `exceptions` are open and keep the books of its subject waiting. `stays` is why
    it cannot be taken back out of the books, in words that stand after its name; None where it can.
    """

    summary: InvoiceSummary
    sources: Sources
    links: Links
    taxes: tuple[TaxRow, ...]
    document: BillingDocument
    posted: ErpDocument | None
    settlements: tuple[SettlementView, ...]
    exceptions: tuple[ExceptionView, ...]
    dunning: CaseView | None
    stays: str | None

    def unaged(self) -> Self:
        return self.model_copy(update={"sources": self.sources.unaged()})


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


async def show(
    context: AppContext, tenant: str, named: str, *, fresh: bool = False
) -> InvoiceDetail:
    """By billing's id, or by a number of either system. With `fresh` both are asked now; nothing
    is written, which a refresh does. Raises NotFound, Conflict for a number of several."""
    async with context.database.transaction() as conn:
        known = await find(conn, tenant, named)
        key = known.document.document_id
        seen_at = (await documents.seen_at(conn, tenant, [key])).get(key)

        async def unpaid(on: Connection) -> tuple[CaseView, ...]:
            case = await dunning.get(on, tenant, key)
            return await case_views(context, on, tenant, (case,) if case else ())

        views, accounts, cases, asked, moved = await together(
            conn,
            lambda on: breakers.of_tenant(on, tenant),
            lambda on: mappings.accounts_now(on, tenant, [known.document.customer_id]),
            unpaid,
            lambda on: exceptions.open_of(on, tenant, [known.subject]),
            lambda on: settlements.of_documents(on, tenant, [key]),
        )
    away = systems_away(context, tenant, views)
    zone = zone_of(context, tenant, known, accounts)
    said = await ask(context, tenant, known) if fresh else None
    record = known if said is None else overlaid(known, said, zone)
    document, posted = record.document, record.posted
    shown = summary(record, zone, accounts)
    comparable = posted if posted is not None and posted.currency == document.currency else None
    return InvoiceDetail(
        summary=shown,
        sources=sources(record, seen_at, said, away),
        links=Links(billing=document.url, pdf=document.pdf_url, erp=posted.url if posted else None),
        taxes=tax_rows(document, comparable),
        document=document,
        posted=posted,
        settlements=settlement_views(moved),
        exceptions=tuple(found for found in asked if found.track == Track.BOOKS.value),
        dunning=cases[0] if cases else None,
        stays=why_it_is_not_taken_back(known),
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
