"""A tenant in shadow: what would have been done, how far what others do agrees, and whether it is
ready to go live."""

from datetime import timedelta

from canonical_models.base import Canonical
from canonical_models.policy import ShadowPolicy
from canonical_models.shadow import (
    ShadowChange,
    ShadowItem,
    ShadowKind,
    ShadowState,
    ShadowStatus,
)
from operations.context import AppContext
from operations.errors import Conflict, NotFound
from operations.paging import Page, cursor, cut, moment
from persistence import shadow_items, shadow_reports, shadows
from persistence.shadow_reports import Figures
from workflows.names import INVOICES, invoices_id

_WEEKS = 12
#: Said wherever somebody looks: silence about it is no agreement.
NOT_COMPARED = (
    "documents of the ERP that carry no number of billing's",
    "payments and balances beside what is open of each document",
    "payouts",
    "dunning: access that would be suspended once the grace of an invoice is over",
    "names, addresses and tax ids of customers",
    "what is not billed yet",
    "deferred revenue",
)


class ShadowDetail(Canonical):
    """What one change would have done, and what is there of what it was the last to plan."""

    change: ShadowChange
    items: tuple[ShadowItem, ...]


class ShadowLooked(Canonical):
    """`finished` is False while the look goes on by itself: asking again shows what came of it.
    `problems` are why something could not be read."""

    finished: bool
    looked_at: int
    problems: tuple[str, ...]
    status: ShadowStatus


async def status(context: AppContext, tenant: str) -> ShadowStatus:
    """As it was found last; reads no other system."""
    settings = context.tenants.get(tenant)
    policy = settings.policy.shadow if settings else ShadowPolicy()
    async with context.database.transaction() as conn:
        found = await shadow_reports.figures(
            conn, tenant, late=timedelta(days=policy.late_days), weeks=_WEEKS
        )
    agree, differ, waiting = (
        found.of(state) for state in (ShadowState.AGREES, ShadowState.DIFFERS, ShadowState.WAITING)
    )
    against = _against(found, policy)
    turns = [agree.since, differ.since, waiting.since, found.answered_at]
    looks = [each.compared_at for each in found.items.values() if each.compared_at]
    return ShadowStatus(
        in_shadow=settings is not None and settings.shadow,
        changes=found.changes,
        first_planned_at=found.first_planned_at,
        agree=agree.items,
        differ=differ.items,
        waiting=waiting.items,
        late=waiting.late,
        differ_by=found.differ_by,
        asked=found.asked,
        oldest_waiting=found.oldest,
        weeks=tuple(reversed(found.weeks)),
        compared_at=min(looks, default=None),
        ready=not against,
        ready_since=None if against else max((at for at in turns if at), default=None),
        against=against,
        not_compared=NOT_COMPARED,
    )


async def items(
    context: AppContext,
    tenant: str,
    *,
    state: ShadowState | None = None,
    kind: ShadowKind | None = None,
    customer: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[ShadowItem]:
    """What is looked for, in the order in which it was planned."""
    async with context.database.statement() as conn:
        found = await shadow_items.page(
            conn,
            tenant,
            state=state,
            kind=kind,
            customer_id=customer,
            after=moment(after),
            limit=limit + 1,
        )
    page, more = cut(found, limit)
    last = page[-1] if more else None
    following = (
        cursor(last.planned_at.isoformat(), f"{last.about.value}/{last.key}") if last else None
    )
    return Page[ShadowItem](items=page, next=following)


async def show(context: AppContext, tenant: str, change_id: str) -> ShadowDetail:
    """Raises NotFound for a change that was not planned in shadow."""
    async with context.database.transaction() as conn:
        found = await shadows.get(conn, tenant, change_id)
        if found is None:
            raise NotFound(
                f"nothing was planned in shadow of a change {change_id}",
                remedy="list the changes: those that came to `shadowed` were",
                see=("changes", ""),
            )
        return ShadowDetail(
            change=found, items=await shadow_items.of_change(conn, tenant, change_id)
        )


async def look(context: AppContext, tenant: str) -> ShadowLooked:
    """Have all of it looked for now. Raises Conflict where the tenant is live, Unavailable."""
    settings = context.tenants.get(tenant)
    if settings is not None and not settings.shadow:
        raise Conflict(
            f"{tenant} is live: what it does is compared with what every system holds",
            remedy="compare them",
            see=("reconcile", ""),
        )
    swept = await context.engine.result(
        INVOICES,
        {"tenant": tenant, "invoice_ids": []},
        workflow_id=f"{invoices_id(tenant)}/all",
        tenant=tenant,
        summary="What would have been done, and what is there",
    )
    found = swept or {}
    return ShadowLooked(
        finished=swept is not None,
        looked_at=int(found.get("looked_at", 0)),
        problems=tuple(map(str, found.get("problems", ()))),
        status=await status(context, tenant),
    )


def _against(found: Figures, policy: ShadowPolicy) -> tuple[str, ...]:
    """What stands against going live, in words."""
    agree, differ, waiting = (
        found.of(state) for state in (ShadowState.AGREES, ShadowState.DIFFERS, ShadowState.WAITING)
    )
    unread = agree.unread + differ.unread + waiting.unread
    asked = sum(each.subjects for each in found.asked)
    said = (
        (differ.items, f"{differ.items} differ"),
        (waiting.late, f"{waiting.late} are not there after {policy.late_days:g} days"),
        (asked, f"{asked} subscriptions or accounts would wait for a person"),
        (unread, f"{unread} were never read"),
        (
            agree.documents < policy.documents,
            f"{agree.documents} documents agree, and {policy.documents} should",
        ),
    )
    return tuple(words for stands, words in said if stands)
