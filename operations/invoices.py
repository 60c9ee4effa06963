"""Invoices: what billing asks, and where the ERP says that it stands."""

from datetime import UTC, date, datetime

from canonical_models.base import Canonical, Instant
from canonical_models.ledgering import DocumentStanding
from canonical_models.money import Money
from canonical_models.term import Invoice
from operations.dunning import CaseView, case_views
from operations.errors import NotFound
from operations.paging import Page, cursor, cut, moment
from operations.systems import Systems
from persistence import dunning, invoices, oversight
from persistence.invoices import InvoiceView
from persistence.oversight import EnteredPayment
from planning.invoices import due_on, open_of
from workflows.names import INVOICES, invoices_id

STANDINGS = ("unposted", "posted", "sent", "part_paid", "paid", "overdue", "credited")


class InvoiceSummary(Canonical):
    """`standing`, `numbers`, `due_on` and `open` are the ERP's word, read at `standing_at`; `told`
    is the standing that billing shows, empty before the first. `open` is None until posted."""

    invoice: Invoice
    subscription_id: str
    standing: str
    numbers: tuple[str, ...]
    due_on: date | None
    open: Money | None
    standing_at: Instant | None
    told: str


class InvoiceDetail(Canonical):
    """`age_seconds` is how long ago the ERP was asked; None when it has not been."""

    summary: InvoiceSummary
    age_seconds: float | None
    documents: tuple[DocumentStanding, ...]
    payments: tuple[EnteredPayment, ...]
    dunning: CaseView | None


class Refreshed(Canonical):
    """What a look at the ERP came to. `finished` is False while it still goes on by itself.

    `problems` could not be read or told, and are tried again at the next sweep. `was` is the
    standing before, and `invoice` as it is now, where a single one was asked for.
    """

    finished: bool
    looked_at: int
    changed: int
    problems: tuple[str, ...]
    was: str | None
    invoice: InvoiceDetail | None


async def list_(
    systems: Systems,
    tenant: str,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    standing: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[InvoiceSummary]:
    """Newest first."""
    async with systems.database.statement() as raw:
        found = await invoices.page(
            raw,
            tenant,
            customer_id=customer_id,
            subscription_id=subscription_id,
            standing=standing,
            before=moment(after),
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    last = items[-1].invoice if more else None
    following = cursor(last.created_at.isoformat(), last.invoice_id) if last else None
    return Page[InvoiceSummary](items=tuple(map(summary, items)), next=following)


async def show(systems: Systems, tenant: str, invoice_id: str) -> InvoiceDetail:
    """Raises NotFound."""
    async with systems.database.work() as raw:
        view = await invoices.get(raw, tenant, invoice_id)
        if view is None:
            raise NotFound(
                f"there is no invoice {invoice_id}: no change of a subscription has shown it",
                remedy="list those known with `trueup invoices list`",
            )
        payments = await oversight.entries_of_invoice(raw, tenant, invoice_id)
        case = await dunning.get(raw, tenant, invoice_id)
        cases = await case_views(systems, raw, tenant, (case,) if case else ())
    asked = view.standing_at
    return InvoiceDetail(
        summary=summary(view),
        age_seconds=None if asked is None else (datetime.now(UTC) - asked).total_seconds(),
        documents=view.documents,
        payments=payments,
        dunning=cases[0] if cases else None,
    )


async def refresh(systems: Systems, tenant: str, invoice_id: str | None = None) -> Refreshed:
    """Have the ERP asked now where the invoice stands, or all that may have moved, and billing
    told. Safe to repeat: who asks while it is being done gets the same answer.

    Raises NotFound, Unavailable.
    """
    before = None if invoice_id is None else await show(systems, tenant, invoice_id)
    swept = await systems.engine.result(
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
        was=before.summary.standing if before else None,
        invoice=None if invoice_id is None else await show(systems, tenant, invoice_id),
    )


def summary(view: InvoiceView) -> InvoiceSummary:
    said = view.documents
    return InvoiceSummary(
        invoice=view.invoice,
        subscription_id=view.subscription_id,
        standing=view.standing,
        numbers=tuple(document.number for document in said if document.number),
        due_on=due_on(said),
        open=open_of(said) if said else None,
        standing_at=view.standing_at,
        told=view.told,
    )
