"""Keeps starts back while Temporal is away, and then lets one through to see."""

import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0


class Gate:
    """Open; or closed for a pause that doubles, and then passed by one at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = 0.0
        self._closed_until = 0.0
        self._trying = False

    def most(self, wanted: int) -> int:
        """How many may be started now: all, none, or one to find out. That one then calls
        `open` or `close`; until then, or for a pause if it never does, nobody follows."""
        if self._pause == 0:
            return wanted
        if self._clock() < self._closed_until:
            return 0
        self._closed_until = self._clock() + self._pause
        self._trying = True
        return 1

    def open(self) -> bool:
        """Whether it was closed until now."""
        was_closed = self._pause > 0
        self._pause = 0.0
        return was_closed

    def close(self) -> float:
        """For how many seconds. Of a burst that fails, only the first lengthens the pause."""
        if self._pause == 0 or self._trying:
            self._trying = False
            self._pause = min(2 * self._pause or _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
            self._closed_until = self._clock() + self._pause
        return self._pause
