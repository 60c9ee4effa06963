"""How events of older API versions differ from what we read: one table.

An endpoint's version is its owner's choice, and fixed when it is made. Only what is read of an
event is in the table; objects themselves are read in `API_VERSION`, whatever the event was.
Source: https://docs.stripe.com/changelog, https://docs.stripe.com/webhooks/versioning.
"""

import re
from dataclasses import dataclass
from typing import Any

from connectors.stripe import API_VERSION

#: The first version whose events are understood.
OLDEST = "2022-08-01"

_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(\.[a-z]{1,20})?")


@dataclass(frozen=True)
class Difference:
    """Until the version `since` the objects called `of` had as their member `was` what is read at
    `now`; with `each_of`, what is read in each object of that list."""

    since: str
    of: str
    was: str
    now: tuple[str, ...]
    each_of: tuple[str, ...] = ()


#: https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects,
#: https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end
DIFFERENCES = (
    Difference(
        "2025-03-31",
        "invoice",
        "subscription",
        ("parent", "subscription_details", "subscription"),
    ),
    Difference(
        "2025-03-31",
        "invoiceitem",
        "subscription",
        ("parent", "subscription_details", "subscription"),
    ),
    Difference(
        "2025-03-31",
        "subscription",
        "current_period_start",
        ("current_period_start",),
        each_of=("items", "data"),
    ),
)


def day_of(version: object) -> str | None:
    """The day of a version, which orders them; None for what is none."""
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return found[1] if found else None


def is_understood(version: object) -> bool:
    """Whether events of the version are: from `OLDEST` on, newer than ours included, since Stripe
    tells of what breaks within a year's first release, and what does not fit is asked about."""
    day = day_of(version)
    return day is not None and day >= OLDEST


def is_newer(version: object) -> bool:
    """Than the one that objects are read in."""
    day, ours = day_of(version), day_of(API_VERSION)
    return day is not None and ours is not None and day > ours


def as_read(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its object, and what it was before, as of the version that is read. One that
    says no version is moved by its shape alone."""
    data = event.get("data")
    now = data.get("object") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(now, dict):
        return event
    day = day_of(event.get("api_version"))
    moves = [
        each
        for each in DIFFERENCES
        if each.of == now.get("object") and (day is None or day < each.since)
    ]
    if not moves:
        return event
    before = data.get("previous_attributes")
    moved = {**data, "object": _object(now, moves)}
    if isinstance(before, dict):
        moved["previous_attributes"] = _before(before, now, moves)
    return {**event, "data": moved}


def _object(now: dict[str, Any], moves: list[Difference]) -> dict[str, Any]:
    for each in moves:
        if each.each_of:
            now = _spread(now, each, now.get(each.was))
        elif each.was in now or each.now[0] not in now:
            value = now.get(each.was)
            now = now | {each.now[0]: None if value is None else _nested(each.now[1:], value)}
    return now


def _before(before: dict[str, Any], now: dict[str, Any], moves: list[Difference]) -> dict[str, Any]:
    """What an update changed. What a list does not show as changed was as it is now."""
    for each in moves:
        if each.each_of:
            listed = each.each_of[0]
            if each.was in before:
                before = {listed: now.get(listed)} | before
            before = _spread(before, each, before.get(each.was, now.get(each.was)))
        elif each.was in before:
            before = before | {each.now[0]: _nested(each.now[1:], before[each.was])}
    return before


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _spread(found: dict[str, Any], each: Difference, value: Any) -> dict[str, Any]:
    """Each object of the list gets what the whole had."""
    outer, inner = each.each_of
    listed = found.get(outer)
    rows = listed.get(inner) if isinstance(listed, dict) else None
    if not isinstance(listed, dict) or not isinstance(rows, list) or value is None:
        return found
    name = each.now[-1]
    given = [row | {name: value} if isinstance(row, dict) else row for row in rows]
    return {**found, outer: {**listed, inner: given}}
