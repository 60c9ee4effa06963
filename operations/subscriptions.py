"""Subscriptions as every system last agreed on them, with all that goes on around each."""

from datetime import UTC, datetime

from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Instant
from canonical_models.commerce import Subscription
from canonical_models.entitlement import Entitlement
from canonical_models.records import AccessHold
from canonical_models.views import ChangeView
from operations.context import AppContext
from operations.dunning import CaseView, case_views
from operations.entitlements import HeldBack, held_back
from operations.errors import NotFound
from operations.movements import SettlementView, settlement_views
from operations.paging import Page, cursor, cut, words
from operations.renewals import foreseen
from operations.sides import InvoiceSummary, summaries
from operations.syncing import SyncStarted, start
from operations.unbilled import UnbilledView, unbilled_of
from persistence import (
    access_holds,
    changes,
    contracts,
    documents,
    dunning,
    grants,
    settlements,
    subscriptions,
    targets,
)
from persistence.contracts import ContractView
from persistence.targets import TargetView
from planning.entitlements import entitlements


class SubscriptionSummary(Canonical):
    """`change_id` is the change that brought the agreement, at `synced_at`."""

    subscription: Subscription
    change_id: str
    synced_at: Instant


class SubscriptionDetail(Canonical):
    """`agreed` and `contract` are None while the first change of the subscription is still on its
    way. `contract` carries the forecast of its next renewal. `held_back` are grants that give
    nothing now; `access_hold` is what a person took back, that stays as it was. The newest 100
    `invoices` are here, each as billing and the ERP have it, and what settles them; `unbilled` is
    None before any change was planned. `targets` say how far each follows the customer."""

    subscription_id: str
    agreed: SubscriptionSummary | None
    contract: ContractView | None
    entitlements: tuple[Entitlement, ...]
    held_back: tuple[HeldBack, ...]
    access_hold: AccessHold | None
    invoices: tuple[InvoiceSummary, ...]
    settlements: tuple[SettlementView, ...]
    unbilled: UnbilledView | None
    dunning: tuple[CaseView, ...]
    targets: tuple[TargetView, ...]
    open_changes: tuple[ChangeView, ...]
    recent_changes: tuple[ChangeView, ...]


async def list_(
    context: AppContext,
    tenant: str,
    *,
    customer_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[SubscriptionSummary]:
    """By subscription id."""
    position = words(after, 1)
    async with context.database.transaction() as conn:
        found = await subscriptions.page(
            conn,
            tenant,
            customer_id=customer_id,
            after=position[0] if position else "",
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].subscription.subscription_id) if more else None
    return Page[SubscriptionSummary](items=tuple(map(_summary, items)), next=following)


async def show(context: AppContext, tenant: str, subscription_id: str) -> SubscriptionDetail:
    """Raises NotFound for a subscription that no change was ever about."""
    now = datetime.now(UTC)
    async with context.database.transaction() as conn:
        agreed = await subscriptions.get(conn, tenant, subscription_id)
        recent = await changes.page(conn, tenant, subject=subscription_id, limit=20)
        if agreed is None and not recent:
            raise _unknown(subscription_id)
        contract = await contracts.get(conn, tenant, subscription_id)
        held = await grants.of_subscription(conn, tenant, subscription_id)
        issued = await documents.page(conn, tenant, subject=subscription_id, limit=100)
        moved = await settlements.of_subject(conn, tenant, subscription_id)
        live = await dunning.live(conn, tenant, subscription_id)
        customer = agreed.subscription.customer.customer_id if agreed else recent[0].customer_id
        return SubscriptionDetail(
            subscription_id=subscription_id,
            agreed=_summary(agreed) if agreed else None,
            contract=foreseen(contract) if contract else None,
            entitlements=entitlements(held, now),
            held_back=held_back(held, now),
            access_hold=await access_holds.get(conn, tenant, subscription_id),
            invoices=await summaries(context, conn, tenant, issued),
            settlements=settlement_views(moved),
            unbilled=await unbilled_of(conn, tenant, subscription_id),
            dunning=await case_views(context, conn, tenant, live),
            targets=await targets.of_customer(conn, tenant, customer) if customer else (),
            open_changes=await changes.unsettled(conn, tenant, subscription_id),
            recent_changes=recent,
        )


async def sync(context: AppContext, tenant: str, subscription_id: str) -> SyncStarted:
    """Have all read anew that billing has issued since the cutover, and every system brought to
    what it says, by a change of its own.

    One that waits and has not begun, and does as much, does it as well. Raises NotFound for a
    subscription that no change was ever about.
    """
    async with context.database.transaction() as conn:
        known = await changes.page(conn, tenant, subject=subscription_id, limit=1)
        if not known:
            raise _unknown(subscription_id)
        return await start(
            conn,
            tenant,
            subscription_id,
            kind=ChangeKind.OTHER,
            customer_id=known[0].customer_id,
        )


def _unknown(subscription_id: str) -> NotFound:
    return NotFound(
        f"there is no subscription {subscription_id}: no event of it has arrived",
        remedy="list those known",
        see=("subscriptions", ""),
    )


def _summary(state: subscriptions.AgreedState) -> SubscriptionSummary:
    return SubscriptionSummary(
        subscription=state.subscription, change_id=state.change_id, synced_at=state.synced_at
    )
