"""Stripe's subscriptions into the canonical language. Pure: no I/O, no clock."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from pydantic import ValidationError

from canonical_models.commerce import (
    Customer,
    Plan,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
    SyncMetadata,
)
from canonical_models.money import Money
from connectors.stripe import wire
from connectors.stripe import wire_customers as customers
from connectors.stripe import wire_subscriptions as subscriptions
from connectors.stripe.accounts import country_of
from connectors.stripe.amounts import (
    currency_code,
    instant,
    instant_or_none,
    rounded,
    shown_money,
)
from connectors.stripe.documents import OUR_PREFIX

#: `unpaid` keeps the subscription but Stripe says to withhold what it gives, as `paused` does.
#: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
_STATUS: dict[subscriptions.Status, SubscriptionStatus] = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "unpaid": SubscriptionStatus.PAUSED,
    "paused": SubscriptionStatus.PAUSED,
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.CANCELLED,
    "canceled": SubscriptionStatus.CANCELLED,
}

#: As many units as grants can count: whoever buys more has what all of them give.
_MOST_UNITS = 10**9

_SYNC_CHANGE = f"{OUR_PREFIX}change"
_SYNC_STATE = f"{OUR_PREFIX}state"
_SYNC_DOCUMENT = f"{OUR_PREFIX}erp_document"


def subscription_of(
    found: subscriptions.Subscription,
    items: Iterable[subscriptions.SubscriptionItem],
    *,
    as_of: datetime,
) -> Subscription:
    """Raises ContractDrift. Prices are only for comparing plans: none of them stops anything."""
    mapped = tuple(_item(found, item) for item in items)
    ends_at = instant_or_none(found.cancel_at)
    if ends_at is None and found.cancel_at_period_end:
        ends_at = max((item.period_end for item in mapped), default=None)
    return Subscription(
        subscription_id=found.id,
        customer=_customer(found.customer),
        status=status_of(found.status, found.pause_collection),
        currency=currency_code(found.currency, subject=f"Subscription {found.id}"),
        items=mapped,
        started_at=instant(found.start_date),
        ends_at=ends_at,
        ended_at=instant_or_none(found.ended_at),
        metadata={
            name: value for name, value in found.metadata.items() if not name.startswith(OUR_PREFIX)
        },
        as_of=as_of,
    )


def sync_metadata(sync: SyncMetadata) -> dict[str, str]:
    """The metadata that shows `sync`; an empty value removes a key at Stripe."""
    return {
        _SYNC_CHANGE: sync.change_id,
        _SYNC_STATE: sync.state,
        _SYNC_DOCUMENT: sync.erp_document or "",
    }


def sync_of(metadata: dict[str, str]) -> SyncMetadata | None:
    """What we last wrote; None where there is nothing, or people changed it past recognition."""
    try:
        return SyncMetadata(
            change_id=metadata.get(_SYNC_CHANGE, ""),
            state=metadata.get(_SYNC_STATE, ""),
            erp_document=metadata.get(_SYNC_DOCUMENT) or None,
        )
    except ValidationError:
        return None


def status_of(
    word: subscriptions.Status, pause: subscriptions.PauseCollection | None
) -> SubscriptionStatus:
    status = _STATUS[word]
    # Voiding what it bills is for times when nothing can be delivered; the other ways of pausing
    # the collection go on delivering.
    # https://docs.stripe.com/billing/subscriptions/pause-payment
    if pause is not None and pause.behavior == "void" and status.grants_access:
        return SubscriptionStatus.PAUSED
    return status


def units_of(quantity: int | None) -> int:
    """Usage has no agreed quantity, but what it is usage of is given once."""
    return min(max(1 if quantity is None else quantity, 0), _MOST_UNITS)


def _customer(found: customers.Customer) -> Customer:
    return Customer(
        customer_id=found.id,
        currency=currency_code(found.currency, subject=f"Customer {found.id}")
        if found.currency
        else None,
        tax_country=country_of(found),
    )


def _item(
    subscription: subscriptions.Subscription, found: subscriptions.SubscriptionItem
) -> SubscriptionItem:
    price = found.price
    return SubscriptionItem(
        item_id=found.id,
        plan=Plan(
            plan_id=price.id,
            item=price.product,
            unit_price=_unit_price(price, subscription.currency),
        ),
        quantity=units_of(found.quantity),
        period_start=instant(found.current_period_start),
        period_end=instant(found.current_period_end),
    )


def _unit_price(price: wire.Price, currency: str) -> Money | None:
    """What one agreed unit costs, rounded to the smallest unit; None where there is no such price:
    of tiers, usage and packages, and of a price that is kept in another currency first."""
    usage = price.recurring.usage_type if price.recurring else None
    if (
        price.currency != currency
        or price.billing_scheme not in (None, "per_unit")
        or usage not in (None, "licensed")
        or price.transform_quantity is not None
    ):
        return None
    if price.unit_amount is not None:
        return shown_money(price.unit_amount, price.currency)
    if price.unit_amount_decimal is None:
        return None
    return shown_money(rounded(Fraction(price.unit_amount_decimal)), price.currency)
