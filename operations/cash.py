"""Money between billing and the bank: clearing beside billing's balance, and payouts."""

from canonical_models.base import Canonical
from canonical_models.cash import CashLook, PayoutState, PayoutView
from canonical_models.process import payout_process
from operations.context import AppContext
from operations.paging import Page, cursor, cut, moment
from persistence import cash, exceptions
from workflows.names import CASH, cash_id


class CashStands(Canonical):
    """`carried` is False where payouts are not booked, because `setting` is not set in the tenant's
    policy. `looks` are what was seen last, by connection: none where nobody has looked yet."""

    carried: bool
    setting: str = "policy.books.cash"
    looks: tuple[CashLook, ...]


class PayoutShown(Canonical):
    """`exception_id` is what somebody is asked about it, `workflow_url` leads to its saga."""

    payout: PayoutView
    exception_id: str | None
    workflow_url: str | None


class CashLookedAt(Canonical):
    """`finished` is False while the look goes on by itself: asking again shows what came of it."""

    finished: bool
    stands: CashStands


async def show(context: AppContext, tenant: str) -> CashStands:
    """What was seen last; reads no other system."""
    settings = context.tenants.get(tenant)
    carried = (
        settings is not None and settings.policy.books.cash is not None and not settings.shadow
    )
    async with context.database.statement() as conn:
        looks = await cash.looks(conn, tenant)
    return CashStands(carried=carried, looks=looks)


async def look(context: AppContext, tenant: str) -> CashLookedAt:
    """Lay clearing beside billing's balance now. Raises Unavailable."""
    stands = await show(context, tenant)
    if not stands.carried:
        return CashLookedAt(finished=True, stands=stands)
    found = await context.engine.result(
        CASH,
        {"tenant": tenant},
        workflow_id=f"{cash_id(tenant)}/asked",
        tenant=tenant,
        summary="Clearing beside billing's balance",
    )
    return CashLookedAt(finished=found is not None, stands=await show(context, tenant))


async def payouts(
    context: AppContext,
    tenant: str,
    *,
    state: PayoutState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[PayoutShown]:
    """Newest first."""
    async with context.database.transaction() as conn:
        found = await cash.page(conn, tenant, state=state, before=moment(after), limit=limit + 1)
        items, more = cut(found, limit)
        named = {
            each.payout_id: payout_process(tenant, each.connection, each.payout_id).workflow_id
            for each in items
        }
        asked = await exceptions.asked_by(conn, tenant, named.values())
    shown = tuple(
        PayoutShown(
            payout=each,
            exception_id=asked.get(named[each.payout_id]),
            workflow_url=context.engine.link(named[each.payout_id]),
        )
        for each in items
    )
    last = items[-1] if more else None
    following = cursor(last.created_at.isoformat(), last.payout_id) if last else None
    return Page[PayoutShown](items=shown, next=following)
