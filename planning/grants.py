"""What a subscription gives: the features of its items, unless they are suspended. Pure."""

from collections.abc import Collection, Mapping

from canonical_models.commerce import Subscription, SubscriptionStatus
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.mapping import ItemMapping
from planning.mapping import mapped_item
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

    An item that nobody has mapped keeps what it has given `before`: it is billing that takes away,
    not a mapping that is missing. `suspended` are the ids of items whose grants are held back;
    `zone` is where the contract ends.
    """
    if not serves(subscription, zone):
        return ()
    trial = subscription.status is SubscriptionStatus.TRIALING
    source = GrantSource.TRIAL if trial else GrantSource.SUBSCRIPTION
    ends_at = contract_end(subscription, zone)
    grants: list[Grant] = []
    for item in subscription.items:
        if not item.quantity:
            continue
        held_back = item.item_id in suspended
        state = GrantState.SUSPENDED if held_back else GrantState.ACTIVE
        now = {"ends_at": ends_at, "state": state, "reason": UNPAID if held_back else None}
        mapping = mapped_item(item, items)
        if mapping is None:
            given = [grant for grant in before if grant.source_id == item.item_id]
        else:
            given = [
                Grant(
                    customer_id=subscription.customer.customer_id,
                    feature=feature,
                    source=source,
                    source_id=item.item_id,
                    subscription_id=subscription.subscription_id,
                    quantity=quantity,
                    starts_at=subscription.as_of,
                )
                for feature, quantity in _features(mapping, item.quantity).items()
            ]
        grants += [_since(grant, before).model_copy(update=now) for grant in given]
    return tuple(sorted(grants, key=lambda grant: (grant.source_id, grant.feature)))


def _features(mapping: ItemMapping, quantity: int) -> dict[str, int]:
    return dict.fromkeys(mapping.included, 1) | dict.fromkeys(mapping.per_unit, quantity)


def _since(grant: Grant, before: tuple[Grant, ...]) -> Grant:
    def what(one: Grant) -> tuple[str, GrantSource, str, int]:
        return (one.feature, one.source, one.source_id, one.quantity)

    held = next((one for one in before if what(one) == what(grant)), grant)
    return grant.model_copy(update={"starts_at": held.starts_at})
