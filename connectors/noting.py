"""What vendors say otherwise and nothing waits for, gathered around whatever reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

#: Of one answer; a list that was opened to any text says no more by its hundredth word.
_MOST = 20


@dataclass(frozen=True)
class Noted:
    """Told as a drift is: what was asked of the vendor, where in what it says it is, and what."""

    operation: str
    path: str
    change: str


_NOTING: ContextVar[list[Noted] | None] = ContextVar("noting", default=None)


@contextmanager
def noting() -> Iterator[list[Noted]]:
    """What is met in the block, in its tasks as well; outside of any it is noted nowhere."""
    found: list[Noted] = []
    token = _NOTING.set(found)
    try:
        yield found
    finally:
        _NOTING.reset(token)


def noted(one: Noted) -> None:
    """For whoever notes; once in an answer."""
    found = _NOTING.get()
    if found is not None and len(found) < _MOST and one not in found:
        found.append(one)
