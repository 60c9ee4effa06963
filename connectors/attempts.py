"""What an adapter that writes in several requests is given: the fence of the attempt.

Nobody else's attempt, and no undo, begins without the fence falling. So a vendor's own draft and
final are enough for a document that exists once: only the draft that the attempt names is made
final, and only after the fence was asked.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

#: Seconds after which a write that was sent can no longer be carried out, where nothing is set:
#: the time of the call, and as much again and more that a vendor goes on for after we hang up.
LANDS_WITHIN = 60.0


class Attempt(Protocol):
    @property
    def made(self) -> tuple[str, ...]:
        """Ids of what this attempt and those before it have made, the newest last."""

    async def held(self) -> None:
        """Ask before each request that cannot be taken back. Raises MayStillLand where another
        attempt, or an undo, has begun since: nothing more may be written."""

    async def making(self, made: str) -> None:
        """Name what is worked on from now on, such as the id of the draft that is to be posted.
        Raises as `held` does: what was made just now is then to be taken back."""


class Alone:
    """The attempt of somebody who keeps no ledger. It names nothing, so that several of them work
    on the same draft: the oldest."""

    @property
    def made(self) -> tuple[str, ...]:
        return ()

    async def held(self) -> None:
        return None

    async def making(self, made: str) -> None:
        del made


def newest(attempt: Attempt, among: set[str]) -> str | None:
    """Which of these the attempt names."""
    return next((made for made in reversed(attempt.made) if made in among), None)


_BEGINS_UNTIL: ContextVar[float | None] = ContextVar("begins_until", default=None)


@contextmanager
def begins_within(seconds: float, *, since: float | None = None) -> Iterator[None]:
    """What is written within goes out so soon, or not at all, counted from now or from `since`
    (monotonic): for a vendor that knows no key, and for sets. A process that stands still in
    between would write after its absence was believed, or over what was written later."""
    kept = _BEGINS_UNTIL.set((time.monotonic() if since is None else since) + seconds)
    try:
        yield
    finally:
        _BEGINS_UNTIL.reset(kept)


def too_late() -> bool:
    """Whether a write that goes out now was granted too long ago."""
    until = _BEGINS_UNTIL.get()
    return until is not None and time.monotonic() > until
