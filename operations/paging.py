"""Pages by cursor: opaque to callers, exact under concurrent inserts, bounded in size."""

import base64
import binascii
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson

from canonical_models.base import Canonical
from operations.errors import Invalid

Item = TypeVar("Item")

LARGEST_PAGE = 200
_BIGINT = 2**63 - 1


class Page(Canonical, Generic[Item]):
    """`next` continues after the last item; None on the last page."""

    items: tuple[Item, ...]
    next: str | None = None


def cursor(*position: str | int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def number(given: str | None) -> int | None:
    """The position in a cursor that holds one number. Raises Invalid."""
    if given is None:
        return None
    found = _position(given)
    if len(found) == 1 and type(found[0]) is int and 0 <= found[0] <= _BIGINT:
        return found[0]
    raise unreadable()


def words(given: str | None, count: int) -> list[str] | None:
    """The position in a cursor that holds `count` strings. Raises Invalid."""
    if given is None:
        return None
    found = _position(given)
    if len(found) == count and all(isinstance(part, str) and "\0" not in part for part in found):
        return found
    raise unreadable()


def moment(given: str | None) -> tuple[datetime, str] | None:
    """The position in a cursor that holds a time and an id. Raises Invalid."""
    found = words(given, 2)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[0])
    except ValueError:
        raise unreadable() from None
    if at.tzinfo is None:
        raise unreadable()
    return at, found[1]


def cut(found: tuple[Item, ...], limit: int) -> tuple[tuple[Item, ...], bool]:
    """(the page, whether there is more) of `limit + 1` rows that were asked for."""
    return found[:limit], len(found) > limit


def _position(given: str) -> list[Any]:
    try:
        padded = given.encode() + b"=" * (-len(given) % 4)
        found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as fault:
        raise unreadable() from fault
    if not isinstance(found, list):
        raise unreadable()
    return found


def unreadable() -> Invalid:
    """What a cursor that is not ours is answered with."""
    return Invalid(
        "the cursor is not one that this list has given",
        remedy="begin at the first page, without a cursor, and follow `next` as it is",
    )
