"""Subscriptions as every system last agreed on them."""

from datetime import UTC, datetime

from canonical_models.base import Canonical, Instant
from canonical_models.commerce import Subscription
from canonical_models.entitlement import Entitlement
from canonical_models.views import ChangeView
from operations.errors import NotFound
from operations.paging import Page, cursor, cut, words
from operations.systems import Systems
from persistence import changes, grants, oversight, subscriptions
from persistence.oversight import PostedDocument
from planning.entitlements import entitlements


class SubscriptionSummary(Canonical):
    """`change_id` is the change that brought the agreement, at `synced_at`."""

    subscription: Subscription
    change_id: str
    synced_at: Instant


class SubscriptionDetail(Canonical):
    """`agreed` is None while the first change of the subscription is still on its way."""

    subscription_id: str
    agreed: SubscriptionSummary | None
    entitlements: tuple[Entitlement, ...]
    open_changes: tuple[ChangeView, ...]
    recent_changes: tuple[ChangeView, ...]
    documents: tuple[PostedDocument, ...]


async def list_(
    systems: Systems,
    tenant: str,
    *,
    customer_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[SubscriptionSummary]:
    """By subscription id."""
    position = words(after, 1)
    async with systems.database.transaction() as session:
        found = await subscriptions.page(
            session,
            tenant,
            customer_id=customer_id,
            after=position[0] if position else "",
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].subscription.subscription_id) if more else None
    return Page[SubscriptionSummary](items=tuple(map(_summary, items)), next=following)


async def show(systems: Systems, tenant: str, subscription_id: str) -> SubscriptionDetail:
    """Raises NotFound for a subscription that no change was ever about."""
    async with systems.database.transaction() as session:
        agreed = await subscriptions.get(session, tenant, subscription_id)
        recent = await changes.page(session, tenant, subscription_id=subscription_id, limit=20)
        held = await grants.of_subscription(session, tenant, subscription_id)
        waiting = await changes.unsettled(session, tenant, subscription_id)
        documents = await oversight.documents(session, tenant, subscription_id)
    if agreed is None and not recent:
        raise NotFound(
            f"there is no subscription {subscription_id}: no event of it has arrived",
            remedy="list those known with `trueup subscriptions list`",
        )
    return SubscriptionDetail(
        subscription_id=subscription_id,
        agreed=_summary(agreed) if agreed else None,
        entitlements=entitlements(held, datetime.now(UTC)),
        open_changes=waiting,
        recent_changes=recent,
        documents=documents,
    )


def _summary(state: subscriptions.AgreedState) -> SubscriptionSummary:
    return SubscriptionSummary(
        subscription=state.subscription, change_id=state.change_id, synced_at=state.synced_at
    )
