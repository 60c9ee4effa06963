"""What support owes a customer: the merge of what each subscription asks for."""

from collections.abc import Collection, Iterable, Mapping

from canonical_models.commerce import Subscription
from canonical_models.entitlement import (
    NO_SUPPORT,
    Grant,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import RejectionCode
from canonical_models.mapping import ItemMapping
from planning.mapping import mapped_item
from planning.refusals import refused
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
    lowest tier remains, so that it can still be asked what has happened. Neither do items that
    nobody has mapped. Raises Rejection (support_refused) for a tier that policy does not know.
    """
    if not serves(subscription, zone):
        return NO_SUPPORT
    sold = {
        item.item_id: mapping.support_tier
        for item in subscription.items
        if item.quantity and (mapping := mapped_item(item, items)) and mapping.support_tier
    }
    asked = [tier for item_id, tier in sold.items() if item_id not in suspended]
    if sold and not asked:
        asked = list(tiers[:1])
    return SubscriptionSupport(
        tier=highest(asked, tiers),
        contract_end=covered_until(subscription, zone),
        features=tuple(sorted({g.feature for g in grants if g.state is GrantState.ACTIVE})),
    )


def merged_support(
    organization: str, contributions: Iterable[SubscriptionSupport], tiers: tuple[str, ...]
) -> SupportEntitlement:
    """The highest tier, the latest end, all features."""
    contributions = tuple(contributions)
    return SupportEntitlement(
        organization=organization,
        tier=highest(
            [contribution.tier for contribution in contributions if contribution.tier], tiers
        ),
        contract_end=max((s.contract_end for s in contributions if s.contract_end), default=None),
        features=tuple(
            sorted({feature for contribution in contributions for feature in contribution.features})
        ),
    )


def support_differences(
    wanted: SupportEntitlement, shown: SupportEntitlement | None
) -> tuple[str, ...]:
    """Where what the support platform shows of an organisation is not what it should, in words."""
    if shown is None and wanted.is_nothing:
        return ()
    if shown is None:
        return (f"organisation {wanted.organization} is not there",)
    sides = (
        ("tier", wanted.tier, shown.tier),
        ("contract end", wanted.contract_end, shown.contract_end),
        ("features", ", ".join(wanted.features), ", ".join(shown.features)),
    )
    return tuple(
        f"{name}: should be {ours or 'nothing'}, is {theirs or 'nothing'}"
        for name, ours, theirs in sides
        if (ours or None) != (theirs or None)
    )


def highest(asked: list[str], tiers: tuple[str, ...]) -> str | None:
    """Raises Rejection (support_refused) for a tier that policy does not know."""
    for tier in asked:
        if tier not in tiers:
            raise refused(
                RejectionCode.SUPPORT_REFUSED,
                f"support tier {tier!r} is not one of {', '.join(tiers)}: mend the item mapping or "
                "add the tier to the tenant's policy",
                tier,
            )
    return max(asked, key=tiers.index, default=None)
