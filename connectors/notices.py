"""What a vendor says of its own interface: that an operation ends, and in which version it answers.

Each is counted, and warned of once in a process with the day on which it ends. Nothing else changes
by it: what is to be done is to read the vendor's notes and to move on before that day.
Source: RFC 9745 (`Deprecation`), RFC 8594 (`Sunset`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import structlog
from prometheus_client import Counter

from connectors.misfits import operation_of
from connectors.secrecy import without_secrets

log = structlog.get_logger()

VENDOR_NOTICES = Counter(
    "trueup_vendor_notices",
    "Answers in which a vendor says that what was called is deprecated or ends (`deprecation`, "
    "`sunset`), or that it answered in another version than was asked for (`version`).",
    ("system", "kind"),
)

#: What was warned of in this process is bounded: a vendor may write what it likes.
_MOST_WARNED = 200
_warned: set[tuple[str, str, str, str]] = set()


def heard(system: str, answer: httpx.Response) -> None:
    """Count what an answer says of the interface, and warn of what is new."""
    for kind, words in _said(answer):
        VENDOR_NOTICES.labels(system, kind).inc()
        said = without_secrets(words)
        operation = operation_of(answer.request)
        key = (system, operation, kind, said)
        if key in _warned or len(_warned) >= _MOST_WARNED:
            continue
        _warned.add(key)
        log.warning(
            "a vendor's interface is about to change: read its notes, and move on in time",
            system=system,
            operation=operation,
            kind=kind,
            said=said,
        )


def _said(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    """(kind, day or version)."""
    if deprecation := answer.headers.get("deprecation"):
        yield "deprecation", _day(deprecation)
    if sunset := answer.headers.get("sunset"):
        yield "sunset", _day(sunset)
    for name, asked in answer.request.headers.items():
        if name.endswith("-version") and (told := answer.headers.get(name)) not in (None, asked):
            yield "version", f"{name} {told[:40]} in place of {asked}"


def _day(said: str) -> str:
    """As `@` and Unix seconds or as an HTTP date; what is neither stays in its own words."""
    try:
        if said.startswith("@"):
            return f"{datetime.fromtimestamp(int(said[1:]), UTC):%Y-%m-%d}"
        return f"{parsedate_to_datetime(said).astimezone(UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "".join(letter for letter in said[:60] if letter.isascii() and letter.isprintable())
