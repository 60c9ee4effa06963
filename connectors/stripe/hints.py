"""What an event says a change is, from the event alone. A hint: the plan decides later. Pure."""

from typing import Any

from pydantic import ValidationError

from canonical_models.amendment import ChangeHint, ChangeKind
from connectors.stripe.amounts import instant
from connectors.stripe.wire_events import (
    Event,
    ItemInEvent,
    ItemsInEvent,
    SubscriptionInEvent,
)

_CANCEL_MEMBERS = frozenset({"cancel_at", "cancel_at_period_end"})

#: The kinds that the type of an event of a subscription says; an update is looked into.
_KINDS = {
    "customer.subscription.created": ChangeKind.ACTIVATION,
    "customer.subscription.deleted": ChangeKind.CANCELLATION,
    "customer.subscription.paused": ChangeKind.OTHER,
    "customer.subscription.resumed": ChangeKind.OTHER,
}


def subscription_hint(event: Event[SubscriptionInEvent]) -> ChangeHint | None:
    subscription = event.data.object
    kind = _KINDS.get(event.type) or _kind_of_update(
        subscription, event.data.previous_attributes or {}
    )
    if kind is None:
        return None
    return ChangeHint(
        event_id=event.id,
        subscription_id=subscription.id,
        customer_id=subscription.customer,
        kind=kind,
        occurred_at=instant(event.created),
    )


def _kind_of_update(now: SubscriptionInEvent, before: dict[str, Any]) -> ChangeKind | None:
    """The kind of `customer.subscription.updated`; `before` is its `previous_attributes`.

    None for an update of metadata only: that is our own mark coming back, or a note of people.
    """
    if before.keys() == {"metadata"}:
        return None
    kind = _kind_of_items(now.items, before["items"]) if "items" in before else ChangeKind.OTHER
    if kind is ChangeKind.OTHER and before.keys() & _CANCEL_MEMBERS:
        ending = now.cancel_at_period_end or now.cancel_at is not None
        return ChangeKind.CANCELLATION_SCHEDULED if ending else ChangeKind.REINSTATEMENT
    return kind


def _kind_of_items(now: object, before: object) -> ChangeKind:
    new, old = _items(now), _items(before)
    if new is None or old is None:
        return ChangeKind.OTHER
    if new.keys() - old.keys():
        # A plan that is exchanged by a new item in place of the old one is no add-on.
        return ChangeKind.OTHER if old.keys() - new.keys() else ChangeKind.ADD_ON
    if old.keys() - new.keys():
        # An add-on or a plan was given up.
        return ChangeKind.DOWNGRADE
    pairs = [(old[key], new[key]) for key in new]
    if any(was.price.id != is_.price.id for was, is_ in pairs):
        return _kind_of_prices(pairs)
    if any(was.quantity != is_.quantity for was, is_ in pairs):
        return ChangeKind.QUANTITY
    if any(was.current_period_start != is_.current_period_start for was, is_ in pairs):
        return ChangeKind.RENEWAL
    return ChangeKind.OTHER


def _kind_of_prices(pairs: list[tuple[ItemInEvent, ItemInEvent]]) -> ChangeKind:
    """Dearer or cheaper, where the prices are of one currency and interval."""
    difference = 0
    for was, is_ in pairs:
        if was.price.id == is_.price.id:
            continue
        if was.price.unit_amount is None or is_.price.unit_amount is None:
            return ChangeKind.OTHER
        if _measure(was) != _measure(is_):
            return ChangeKind.OTHER
        difference += is_.price.unit_amount - was.price.unit_amount
    if difference == 0:
        return ChangeKind.OTHER
    return ChangeKind.UPGRADE if difference > 0 else ChangeKind.DOWNGRADE


def _measure(item: ItemInEvent) -> tuple[object, ...]:
    recurring = item.price.recurring or {}
    return item.price.currency, recurring.get("interval"), recurring.get("interval_count")


def _items(found: object) -> dict[str, ItemInEvent] | None:
    """Items by id; None where the event does not show them as we know them."""
    try:
        return {item.id: item for item in ItemsInEvent.model_validate(found).data}
    except ValidationError:
        return None
