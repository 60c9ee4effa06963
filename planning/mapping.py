"""Which mapping a line or an item of billing has: the first key that is mapped wins. Pure."""

from collections.abc import Mapping

from canonical_models.commerce import SubscriptionItem
from canonical_models.documents import BillingLine
from canonical_models.mapping import DEFAULT_ITEM, ItemMapping, keys_of
from planning.refusals import unmapped_item


def keys_of_item(item: SubscriptionItem) -> tuple[str, ...]:
    """As `keys_of`, for what is subscribed: its price, its product, the default."""
    return (item.plan.plan_id, item.plan.item, DEFAULT_ITEM)


def first_of(keys: tuple[str, ...], items: Mapping[str, ItemMapping]) -> ItemMapping | None:
    return next((items[key] for key in keys if key in items), None)


def mapped(line: BillingLine, items: Mapping[str, ItemMapping]) -> ItemMapping:
    """Raises Rejection (item_unmapped)."""
    keys = keys_of(line)
    found = first_of(keys, items)
    if found is None:
        raise unmapped_item(keys[0])
    return found


def mapped_item(item: SubscriptionItem, items: Mapping[str, ItemMapping]) -> ItemMapping | None:
    return first_of(keys_of_item(item), items)


def defaulted(line: BillingLine, items: Mapping[str, ItemMapping]) -> bool:
    """Whether the default item stands in for the line's own."""
    return not any(key in items for key in keys_of(line) if key != DEFAULT_ITEM)
