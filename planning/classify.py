"""What kind of change lies between two looks at a subscription, and how to say it."""

from collections.abc import Mapping

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import Subscription, SubscriptionItem, SubscriptionStatus


def classify(previous: Subscription | None, now: Subscription, *, billed: bool) -> ChangeKind:
    """The most telling kind. `billed` says that there are lines to post."""
    ended = now.status is SubscriptionStatus.CANCELLED
    if previous is None:
        return _only_lines(billed) if ended else ChangeKind.ACTIVATION
    if ended and previous.status is not SubscriptionStatus.CANCELLED:
        return ChangeKind.CANCELLATION
    if (items := _items(previous.items, now.items)) is not None:
        return items
    if previous.ends_at != now.ends_at:
        return ChangeKind.CANCELLATION_SCHEDULED if now.ends_at else ChangeKind.REINSTATEMENT
    if previous.status is not now.status:
        return ChangeKind.OTHER
    if _later(previous, now):
        return ChangeKind.RENEWAL
    return _only_lines(billed)


def _only_lines(billed: bool) -> ChangeKind:
    return ChangeKind.BILLED if billed else ChangeKind.NONE


def _later(previous: Subscription, now: Subscription) -> bool:
    before, after = previous.period_end, now.period_end
    return before is not None and after is not None and after > before


def _items(
    before: tuple[SubscriptionItem, ...], now: tuple[SubscriptionItem, ...]
) -> ChangeKind | None:
    """None when the items are what they were, their billing periods aside."""
    old = {item.item_id: (item.plan, item.quantity) for item in before}
    new = {item.item_id: (item.plan, item.quantity) for item in now}
    if old == new:
        return None
    if old.items() <= new.items():
        return ChangeKind.ADD_ON
    same_plans = old.keys() == new.keys() and all(old[key][0] == new[key][0] for key in old)
    if same_plans:
        return ChangeKind.QUANTITY
    return ChangeKind.UPGRADE if _value(now) > _value(before) else ChangeKind.DOWNGRADE


def _value(items: tuple[SubscriptionItem, ...]) -> int:
    return sum(item.plan.unit_price.minor * item.quantity for item in items)


def describe(
    kind: ChangeKind, previous: Subscription | None, now: Subscription, names: Mapping[str, str]
) -> str:
    """One sentence for operators and finance, in the ERP's item codes; no personal data."""
    held = _sold(previous.items, names) if previous else "nothing"
    sold = _sold(now.items, names)
    match kind:
        case ChangeKind.ACTIVATION:
            return f"starts with {sold}"
        case ChangeKind.UPGRADE | ChangeKind.DOWNGRADE | ChangeKind.QUANTITY | ChangeKind.ADD_ON:
            return f"{kind.value.replace('_', ' ')}: {held} to {sold}"
        case ChangeKind.CANCELLATION:
            return f"cancelled; had {held}"
        case ChangeKind.CANCELLATION_SCHEDULED:
            return f"ends on {now.ends_at:%Y-%m-%d}; has {sold}"
        case ChangeKind.REINSTATEMENT:
            return f"runs on after all with {sold}"
        case ChangeKind.RENEWAL:
            return f"renewed to {now.period_end:%Y-%m-%d} with {sold}"
        case ChangeKind.BILLED:
            return "billing added lines"
        case ChangeKind.OTHER:
            return f"is now {now.status.value} with {sold}"
        case ChangeKind.NONE:
            return "already agreed everywhere"


def _sold(items: tuple[SubscriptionItem, ...], names: Mapping[str, str]) -> str:
    words = [f"{item.quantity} x {names.get(item.plan.item, item.plan.item)}" for item in items]
    return ", ".join(words) or "nothing"
