"""What support owes a customer: the merge of what each subscription asks for."""

from collections.abc import Collection, Iterable, Mapping

from canonical_models.commerce import Subscription
from canonical_models.entitlement import (
    Grant,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ItemMapping
from planning.term import covered_until, serves


def support_of(
    subscription: Subscription,
    grants: tuple[Grant, ...],
    items: Mapping[str, ItemMapping],
    tiers: tuple[str, ...],
    suspended: Collection[str] = (),
    *,
    zone: str | None = None,
) -> SubscriptionSupport:
    """Nothing for a subscription that gives no access; else the highest tier of its items.

    Items that are suspended do not count; where none is left of those that give support, the
    lowest tier remains, so that it can still be asked what has happened.
    """
    if not serves(subscription, zone):
        return SubscriptionSupport(tier=None, contract_end=None)
    sold = {
        item.item_id: mapping.support_tier
        for item in subscription.items
        if item.quantity and (mapping := items[item.plan.item]).support_tier is not None
    }
    asked = [tier for item_id, tier in sold.items() if item_id not in suspended]
    if sold and not asked:
        asked = list(tiers[:1])
    return SubscriptionSupport(
        tier=_highest(asked, tiers),
        contract_end=covered_until(subscription, zone),
        features=tuple(sorted({g.feature for g in grants if g.state is GrantState.ACTIVE})),
    )


def merged_support(
    organization: str, shares: Iterable[SubscriptionSupport], tiers: tuple[str, ...]
) -> SupportEntitlement:
    """The highest tier, the latest end, all features."""
    shares = tuple(shares)
    return SupportEntitlement(
        organization=organization,
        tier=_highest([share.tier for share in shares if share.tier], tiers),
        contract_end=max((s.contract_end for s in shares if s.contract_end), default=None),
        features=tuple(sorted({feature for share in shares for feature in share.features})),
    )


def _highest(asked: list[str], tiers: tuple[str, ...]) -> str | None:
    for tier in asked:
        if tier not in tiers:
            raise Rejection(
                RejectionCode.SUPPORT_REFUSED,
                f"support tier {tier!r} is not one of {', '.join(tiers)}: mend the item mapping or "
                "add the tier to the tenant's policy",
                system="trueup",
                subject=tier,
            )
    return max(asked, key=tiers.index, default=None)
