"""Dunning: overdue invoices, and how far it has gone."""

from collections.abc import Collection

from canonical_models.base import Canonical
from canonical_models.money import Money
from canonical_models.term import DunningCase
from operations.context import AppContext
from operations.paging import Page, cursor, cut, words
from persistence import documents, dunning, exceptions
from persistence.connection import Connection


class CaseView(Canonical):
    """`unpaid` is what billing waits for; None for an invoice that is not known any more.
    `exception_id` is what finance is asked, `workflow_url` leads to the process in the Web UI."""

    case: DunningCase
    unpaid: Money | None
    exception_id: str | None
    workflow_url: str | None


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Page[CaseView]:
    """Cases that are not closed, by invoice."""
    position = words(after, 1)
    async with context.database.transaction() as conn:
        found = await dunning.page(
            conn, tenant, after=position[0] if position else "", limit=limit + 1
        )
        items, more = cut(found, limit)
        views = await case_views(context, conn, tenant, items)
    following = cursor(items[-1].invoice_id) if more else None
    return Page[CaseView](items=views, next=following)


async def case_views(
    context: AppContext, conn: Connection, tenant: str, cases: Collection[DunningCase]
) -> tuple[CaseView, ...]:
    """In the same order."""
    if not cases:
        return ()
    owed = await documents.unpaid(conn, tenant, [case.invoice_id for case in cases])
    named = {case.invoice_id: dunning.process(tenant, case).workflow_id for case in cases}
    asked = await exceptions.asked_by(conn, tenant, named.values())
    return tuple(
        CaseView(
            case=case,
            unpaid=owed.get(case.invoice_id),
            exception_id=asked.get(named[case.invoice_id]),
            workflow_url=context.engine.link(named[case.invoice_id]),
        )
        for case in cases
    )
