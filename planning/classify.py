"""What kind of change lies between two looks at a subscription, and how to say it."""

from collections.abc import Mapping
from datetime import datetime

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import Subscription, SubscriptionItem, SubscriptionStatus


def classify(previous: Subscription | None, now: Subscription) -> ChangeKind:
    """The most telling kind of what changed of the subscription itself."""
    ended = now.status is SubscriptionStatus.CANCELLED
    if previous is None:
        return ChangeKind.NONE if ended else ChangeKind.ACTIVATION
    if ended and previous.status is not SubscriptionStatus.CANCELLED:
        return ChangeKind.CANCELLATION
    if _renewed(previous, now):
        return ChangeKind.RENEWAL
    if (items := _items(previous.items, now.items)) is not None:
        return items
    if previous.ends_at != now.ends_at:
        return ChangeKind.CANCELLATION_SCHEDULED if now.ends_at else ChangeKind.REINSTATEMENT
    if previous.status is not now.status:
        return ChangeKind.OTHER
    return ChangeKind.NONE


def _renewed(previous: Subscription, now: Subscription) -> bool:
    """Whether an item that was held has gone on into a later period of the cycle.

    A new period that begins before the old one was over is a change of plan, not a renewal.
    """
    ends = {item.item_id: item.period_end for item in previous.items}
    return any(
        (ended := ends.get(item.item_id)) is not None and item.period_start >= ended
        for item in now.items
    )


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
    was, is_now = _value(before), _value(now)
    if was is None or is_now is None:
        return ChangeKind.OTHER
    return ChangeKind.UPGRADE if is_now > was else ChangeKind.DOWNGRADE


def _value(items: tuple[SubscriptionItem, ...]) -> int | None:
    """In minor units; None where something is not priced by the unit."""
    prices = [(item.plan.unit_price, item.quantity) for item in items]
    known = [price.minor * quantity for price, quantity in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def describe(
    kind: ChangeKind, previous: Subscription | None, now: Subscription, names: Mapping[str, str]
) -> str:
    """One sentence for operators and finance, in the ERP's item codes; no personal data."""
    held = _sold(previous.items, names) if previous else "nothing"
    sold = _sold(now.items, names)
    changed = f"{kind.value.replace('_', ' ')}: {held} to {sold}"
    sentences = {
        ChangeKind.ACTIVATION: f"starts with {sold}",
        ChangeKind.UPGRADE: changed,
        ChangeKind.DOWNGRADE: changed,
        ChangeKind.QUANTITY: changed,
        ChangeKind.ADD_ON: changed,
        ChangeKind.CANCELLATION: f"cancelled; had {held}",
        ChangeKind.CANCELLATION_SCHEDULED: f"ends on {_day(now.ends_at)}; has {sold}",
        ChangeKind.REINSTATEMENT: f"runs on after all with {sold}",
        ChangeKind.RENEWAL: f"renewed to {_day(now.period_end)} with {_instead_of(held, sold)}",
        ChangeKind.BILLED: "billing issued or took back documents",
        ChangeKind.ACCOUNT: "the customer's account changed",
        ChangeKind.PAYMENT: "money moved",
        ChangeKind.SUSPENSION: f"suspended until it is paid; has {sold}",
        ChangeKind.RESTORATION: f"restored with {sold}",
        ChangeKind.OTHER: f"is now {now.status.value} with {sold}",
        ChangeKind.NONE: "already agreed everywhere",
    }
    return sentences[kind]


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant else "no day"


def _instead_of(held: str, sold: str) -> str:
    return sold if held == sold else f"{sold} instead of {held}"


def _sold(items: tuple[SubscriptionItem, ...], names: Mapping[str, str]) -> str:
    words = [f"{item.quantity} x {names.get(item.plan.item, item.plan.item)}" for item in items]
    return ", ".join(words) or "nothing"
