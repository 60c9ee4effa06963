"""What a customer has bought: what subscriptions hold, and what documents have charged. Pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.documents import DocumentStatus
from operations.support_views import Asset, AssetEvent
from persistence.support_context import KeptSubscription, Purchase

_HISTORY = 20

#: A subscription's item; or a product, of a subscription or of none.
Key = tuple[str | None, str]


def assets(
    subscriptions: Iterable[KeptSubscription],
    purchases: Iterable[Purchase],
    serials: tuple[str, ...],
) -> tuple[Asset, ...]:
    """What is held comes first, then what was bought last. A line belongs to the item that it
    names, else to its product."""
    held: dict[Key, tuple[Subscription, SubscriptionItem]] = {}
    for row in subscriptions:
        subscription = row.subscription
        for item in subscription.items:
            held[subscription.subscription_id, item.item_id] = (subscription, item)
    lines: dict[Key, list[Purchase]] = {key: [] for key in held}
    for purchase in purchases:
        key = (purchase.subscription_id, purchase.item_id or purchase.item)
        lines.setdefault(_of_product(held, purchase) or key, []).append(purchase)
    found = [
        _held(*held[key], bought, serials) if key in held else _bought(bought, serials)
        for key, bought in lines.items()
    ]
    return tuple(sorted(found, key=_order))


def _of_product(
    held: dict[Key, tuple[Subscription, SubscriptionItem]], purchase: Purchase
) -> Key | None:
    """The one item of that product, for a line that names none."""
    if purchase.item_id is not None:
        return None
    same = [
        key
        for key, (_, item) in held.items()
        if key[0] == purchase.subscription_id and item.plan.item == purchase.item
    ]
    return same[0] if len(same) == 1 else None


def _held(
    subscription: Subscription,
    item: SubscriptionItem,
    bought: list[Purchase],
    names: tuple[str, ...],
) -> Asset:
    first = bought[0].issued_at if bought else subscription.started_at
    return Asset(
        asset_id=item.item_id,
        item=item.plan.item,
        price=item.plan.plan_id,
        held=subscription.ended_at is None,
        quantity=Decimal(item.quantity),
        subscription_id=subscription.subscription_id,
        period_end=item.period_end,
        bought_at=min(first, subscription.started_at),
        changed_at=bought[-1].issued_at if bought else None,
        serials=_serials([subscription.metadata, *(line.metadata for line in bought)], names),
        history=_history(bought),
    )


def _bought(lines: list[Purchase], names: tuple[str, ...]) -> Asset:
    first, last = lines[0], lines[-1]
    return Asset(
        asset_id=last.item_id or last.item,
        item=last.item,
        price=last.price,
        held=False,
        quantity=last.quantity,
        subscription_id=last.subscription_id,
        period_end=last.period_end,
        bought_at=first.issued_at,
        changed_at=last.issued_at,
        serials=_serials([line.metadata for line in lines], names),
        history=_history(lines),
    )


def _history(lines: list[Purchase]) -> tuple[AssetEvent, ...]:
    return tuple(
        AssetEvent(
            at=line.issued_at,
            document_id=line.document_id,
            number=line.number,
            kind=line.kind,
            what=line.description,
            quantity=line.quantity,
            net=line.net,
            proration=line.proration,
            void=line.status is DocumentStatus.VOID,
        )
        for line in lines[-_HISTORY:]
    )


def _serials(metadata: list[dict[str, str]], names: tuple[str, ...]) -> tuple[str, ...]:
    """In the order in which they were named, each once."""
    said = (part.strip() for each in metadata for n in names for part in each.get(n, "").split(","))
    return tuple(dict.fromkeys(serial for serial in said if serial))


def _order(asset: Asset) -> tuple[bool, float, str]:
    last: datetime | None = asset.changed_at or asset.bought_at
    return not asset.held, -last.timestamp() if last else 0.0, asset.asset_id
