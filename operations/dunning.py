"""Dunning: invoices that are asked for in vain, and how far that has gone."""

from collections.abc import Collection

from canonical_models.base import Canonical
from canonical_models.money import Money
from canonical_models.term import DunningCase
from operations.paging import Page, cursor, cut, words
from operations.systems import Systems
from persistence import documents, dunning, oversight
from persistence.raw import Transaction


class CaseView(Canonical):
    """`unpaid` is what billing waits for; None for an invoice that is not known any more.
    `exception_id` is what finance is asked, `workflow_url` leads to the process in the Web UI."""

    case: DunningCase
    unpaid: Money | None
    exception_id: str | None
    workflow_url: str | None


async def list_(
    systems: Systems, tenant: str, *, after: str | None = None, limit: int = 50
) -> Page[CaseView]:
    """Cases that are not closed, by invoice."""
    position = words(after, 1)
    async with systems.database.work() as raw:
        found = await dunning.page(
            raw, tenant, after=position[0] if position else "", limit=limit + 1
        )
        items, more = cut(found, limit)
        views = await case_views(systems, raw, tenant, items)
    following = cursor(items[-1].invoice_id) if more else None
    return Page[CaseView](items=views, next=following)


async def case_views(
    systems: Systems, session: Transaction, tenant: str, cases: Collection[DunningCase]
) -> tuple[CaseView, ...]:
    """In the same order."""
    if not cases:
        return ()
    owed = await documents.unpaid(session, tenant, [case.invoice_id for case in cases])
    named = {case.invoice_id: dunning.process(tenant, case).workflow_id for case in cases}
    asked = await oversight.asked_by(session, tenant, named.values())
    return tuple(
        CaseView(
            case=case,
            unpaid=owed.get(case.invoice_id),
            exception_id=asked.get(named[case.invoice_id]),
            workflow_url=systems.engine.link(named[case.invoice_id]),
        )
        for case in cases
    )
