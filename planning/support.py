"""What support owes a customer: the merge of what each subscription asks for."""

from collections.abc import Iterable, Mapping

from canonical_models.commerce import Subscription
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportEntitlement
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ItemMapping


def support_of(
    subscription: Subscription,
    grants: tuple[Grant, ...],
    items: Mapping[str, ItemMapping],
    tiers: tuple[str, ...],
) -> SubscriptionSupport:
    """Nothing for a subscription that gives no access; else the highest tier of its items."""
    if not subscription.status.grants_access:
        return SubscriptionSupport(tier=None, contract_end=None)
    asked = [
        mapping.support_tier
        for item in subscription.items
        if item.quantity and (mapping := items[item.plan.item]).support_tier is not None
    ]
    return SubscriptionSupport(
        tier=_highest(asked, tiers),
        contract_end=subscription.ends_at or subscription.period_end,
        features=tuple(sorted({grant.feature for grant in grants})),
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
