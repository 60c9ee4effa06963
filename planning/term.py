"""How long things run, in the contract's own time zone, and the dates of documents. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from canonical_models.commerce import Subscription, SubscriptionStatus
from canonical_models.term import Contract


def local_day(instant: datetime, zone: str | None) -> date:
    """The calendar day of an instant where the contract was signed; in UTC without a zone."""
    return instant.astimezone(ZoneInfo(zone) if zone else UTC).date()


def service_days(start: datetime, end: datetime, zone: str | None) -> tuple[date, date] | None:
    """First and last day of a service; None for what is over within the day on which it begins.
    `end` is exclusive, so the last day is the one before."""
    first, last = local_day(start, zone), local_day(end, zone) - timedelta(days=1)
    return (first, last) if last >= first else None


def end_of_day(instant: datetime, zone: str | None) -> datetime:
    """The end of the local day on which `instant` falls; `instant` itself without a zone.

    Midnight belongs to the day that it ends. A midnight that a change of the clock leaves out is
    the moment of that change; of one that comes twice it is the first.
    """
    if zone is None:
        return instant
    local = instant.astimezone(ZoneInfo(zone))
    begun = datetime.combine(local.date(), time(), tzinfo=ZoneInfo(zone))
    # In UTC, because times of one zone are compared by what the clock on the wall shows.
    if begun.astimezone(UTC) == instant:
        return instant
    following = datetime.combine(local.date() + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return following.astimezone(UTC)


def contract_end(subscription: Subscription, zone: str | None) -> datetime | None:
    """When a subscription that is to end does; None while it runs on.

    One that came to its agreed end is served to the end of that day, whenever billing closes it;
    one that was ended before, to that second.
    """
    ended, agreed = subscription.ended_at, subscription.ends_at
    if agreed is not None and (ended is None or ended >= agreed):
        return end_of_day(agreed, zone)
    return ended


def serves(subscription: Subscription, zone: str | None) -> bool:
    """Whether the customer may use what is subscribed, as far as its term goes."""
    if subscription.status is not SubscriptionStatus.CANCELLED:
        return subscription.status.grants_access
    ends = contract_end(subscription, zone)
    return ends is not None and subscription.as_of < ends


def covered_until(subscription: Subscription, zone: str | None) -> datetime | None:
    """Until when the customer is served as things stand: the contract's end or the period's."""
    ends = subscription.ends_at or subscription.period_end
    return None if ends is None else end_of_day(ends, zone)


def contract_of(subscription: Subscription, zone: str | None) -> Contract | None:
    """None for a subscription that ended as it began."""
    ends = contract_end(subscription, zone)
    if ends is not None and ends <= subscription.started_at:
        return None
    return Contract(
        contract_id=subscription.subscription_id,
        customer_id=subscription.customer.customer_id,
        subscription_ids=(subscription.subscription_id,),
        starts_at=subscription.started_at,
        ends_at=ends,
        time_zone=zone or "UTC",
    )
