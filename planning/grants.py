"""What a subscription gives: the features of its items, unless they are suspended. Pure."""

from collections.abc import Collection, Mapping

from canonical_models.commerce import Subscription, SubscriptionStatus
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.ledgering import ItemMapping
from planning.posting import mapped
from planning.term import contract_end, serves

UNPAID = "suspended until it is paid"


def granted(
    subscription: Subscription,
    items: Mapping[str, ItemMapping],
    before: tuple[Grant, ...],
    *,
    suspended: Collection[str] = (),
    zone: str | None = None,
) -> tuple[Grant, ...]:
    """What it gives now, by item and feature. A grant that did not change keeps its start.

    `suspended` are the ids of items whose grants are held back; `zone` is where the contract ends.
    """
    if not serves(subscription, zone):
        return ()
    ends_at = contract_end(subscription, zone)
    source = (
        GrantSource.TRIAL
        if subscription.status is SubscriptionStatus.TRIALING
        else GrantSource.SUBSCRIPTION
    )
    known = {
        (grant.feature, grant.source, grant.source_id, grant.quantity): grant for grant in before
    }
    grants = []
    for item in subscription.items:
        if not item.quantity:
            continue
        mapping = mapped(items, item.plan.item)
        features = dict.fromkeys(mapping.included, 1)
        features |= dict.fromkeys(mapping.per_unit, item.quantity)
        held_back = item.item_id in suspended
        for feature, quantity in sorted(features.items()):
            held = known.get((feature, source, item.item_id, quantity))
            grants.append(
                Grant(
                    customer_id=subscription.customer.customer_id,
                    feature=feature,
                    source=source,
                    source_id=item.item_id,
                    subscription_id=subscription.subscription_id,
                    quantity=quantity,
                    starts_at=held.starts_at if held else subscription.as_of,
                    ends_at=ends_at,
                    state=GrantState.SUSPENDED if held_back else GrantState.ACTIVE,
                    reason=UNPAID if held_back else None,
                )
            )
    return tuple(sorted(grants, key=lambda grant: (grant.source_id, grant.feature)))
