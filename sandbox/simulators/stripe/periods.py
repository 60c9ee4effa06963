"""Billing periods: boundaries counted from an anchor, in UTC.

Each boundary is computed from the anchor and never from the boundary before it, so that an anchor
on the 31st gives 28 or 29 February and then 31 March again
(https://docs.stripe.com/billing/subscriptions/billing-cycle).
"""

import calendar
from datetime import UTC, datetime

DAY = 86_400
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


def boundary(anchor: int, interval: str, count: int, n: int) -> int:
    """Unix time of the `n`-th boundary (negative: before the anchor) of `count` intervals each."""
    if interval in _DAYS:
        return anchor + n * count * _DAYS[interval] * DAY
    start = datetime.fromtimestamp(anchor, UTC)
    months = start.year * 12 + start.month - 1 + n * count * _MONTHS[interval]
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def containing(anchor: int, interval: str, count: int, at: int) -> tuple[int, int]:
    """The period `[start, end)` of this cycle in which `at` lies."""
    typical = {"day": DAY, "week": 7 * DAY, "month": 2_629_746, "year": 31_556_952}[interval]
    n = (at - anchor) // (typical * count)
    while boundary(anchor, interval, count, n) > at:
        n -= 1
    while boundary(anchor, interval, count, n + 1) <= at:
        n += 1
    return boundary(anchor, interval, count, n), boundary(anchor, interval, count, n + 1)


def day_text(at: int) -> str:
    """`15 Nov 2026`, as Stripe writes dates in proration lines."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {calendar.month_abbr[moment.month]} {moment.year}"
