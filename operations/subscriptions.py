"""Subscriptions as every system last agreed on them, with all that goes on around each."""

from datetime import UTC, datetime

from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Instant
from canonical_models.commerce import Subscription
from canonical_models.entitlement import Entitlement
from canonical_models.mapping import AccountMapping
from canonical_models.policy import TenantPolicy
from canonical_models.records import AccessHold
from canonical_models.views import ChangeView
from operations import preview
from operations.context import AppContext
from operations.dunning import CaseView, case_views
from operations.entitlements import HeldBack, held_back
from operations.errors import NotFound
from operations.movements import SettlementView, settlement_views
from operations.paging import Page, cursor, cut, words
from operations.renewals import foreseen
from operations.sides import InvoiceSummary, summaries
from operations.syncing import SyncStarted, start, waiting
from operations.unbilled import UnbilledView, unbilled_of
from persistence import (
    access_holds,
    changes,
    contracts,
    documents,
    dunning,
    grants,
    mappings,
    settlements,
    subscriptions,
    support_contributions,
    support_desk,
    targets,
)
from persistence.contracts import ContractView
from persistence.targets import TargetView
from persistence.together import together
from planning.entitlements import entitlements
from planning.support import merged_support


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
        agreed, recent, contract, held, issued, moved, live, hold, waiting, open_ = await together(
            conn,
            lambda on: subscriptions.get(on, tenant, subscription_id),
            lambda on: changes.page(on, tenant, subject=subscription_id, limit=20),
            lambda on: contracts.get(on, tenant, subscription_id),
            lambda on: grants.of_subscription(on, tenant, subscription_id),
            lambda on: documents.page(on, tenant, subject=subscription_id, limit=100),
            lambda on: settlements.of_subject(on, tenant, subscription_id),
            lambda on: dunning.live(on, tenant, subscription_id),
            lambda on: access_holds.get(on, tenant, subscription_id),
            lambda on: unbilled_of(on, tenant, subscription_id),
            lambda on: changes.unsettled(on, tenant, subscription_id),
        )
        if agreed is None and not recent:
            raise _unknown(subscription_id)
        customer = agreed.subscription.customer.customer_id if agreed else recent[0].customer_id
        invoices, cases, told = await together(
            conn,
            lambda on: summaries(context, on, tenant, issued),
            lambda on: case_views(context, on, tenant, live),
            lambda on: targets.of_customer(on, tenant, customer or ""),
        )
        return SubscriptionDetail(
            subscription_id=subscription_id,
            agreed=_summary(agreed) if agreed else None,
            contract=foreseen(contract) if contract else None,
            entitlements=entitlements(held, now),
            held_back=held_back(held, now),
            access_hold=hold,
            invoices=invoices,
            settlements=settlement_views(moved),
            unbilled=waiting,
            dunning=cases,
            targets=told,
            open_changes=open_,
            recent_changes=recent,
        )


class Elsewhere(Canonical):
    """What other systems have of the customer: the account in the ERP and at support, the tier that
    support is told, and when its desk was last read. None where nothing is known."""

    account: AccountMapping | None
    tier: str | None
    desk_read_at: Instant | None


async def elsewhere(context: AppContext, tenant: str, customer_id: str) -> Elsewhere:
    """As it is kept; nobody is asked."""
    async with context.database.transaction() as conn:
        account = (await mappings.accounts_now(conn, tenant, [customer_id])).get(customer_id)
        if account is None:
            return Elsewhere(account=None, tier=None, desk_read_at=None)
        named = account.support_organization
        asked = await support_contributions.asked_for(conn, tenant, named)
        desk = await support_desk.kept(conn, tenant, named)
    settings = context.tenants.get(tenant)
    tiers = settings.policy.tiers if settings else TenantPolicy().tiers
    tier = merged_support(named, asked, tiers).tier if asked else None
    return Elsewhere(account=account, tier=tier, desk_read_at=desk.read_at)


async def sync(
    context: AppContext, tenant: str, subscription_id: str, *, dry_run: bool = False
) -> SyncStarted:
    """Have all read anew that billing has issued since the cutover, and every system brought to
    what it says, by a change of its own; with `dry_run` it is only said what that would come to.

    One that waits and has not begun, and does as much, does it as well. Raises NotFound for a
    subscription that no change was ever about; of a dry run Unavailable.
    """
    async with context.database.transaction() as conn:
        known = await changes.page(conn, tenant, subject=subscription_id, limit=1)
        if not known:
            raise _unknown(subscription_id)
        if not dry_run:
            begun = await start(
                conn,
                tenant,
                subscription_id,
                kind=ChangeKind.OTHER,
                customer_id=known[0].customer_id,
            )
            return SyncStarted(change_id=begun.change_id, already=begun.already)
        waits = await waiting(conn, tenant, subscription_id)
    found = await preview.of_subject(context, tenant, subscription_id, whole=True)
    return SyncStarted(change_id=waits, already=waits is not None, foreseen=found)


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
