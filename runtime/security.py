"""The security log: one line for each refusal, under a logger of its own, `trueup.security`.

Who, from where, what for, why not; never a secret, and nothing that was sent but a path. Of each
reason so many lines are written in a while, and what is more is counted: a flood of refusals fills
no disk, and hides no other reason.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

NAME = "trueup.security"

_LINES = 20
_WINDOW_S = 10.0
#: Addresses that are told apart in what is only counted.
_ADDRESSES = 1000
_LONGEST = 200


class Reason(StrEnum):
    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    NOT_ALLOWED = "not_allowed"
    SIGNATURE = "signature_refused"
    UNKNOWN_CONNECTION = "unknown_connection"
    CUT_OFF = "cut_off"
    TOO_MANY = "too_many"
    SIGN_IN = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`who` is the name of a key or person, where one is known; `route` what was asked for: a
    request's method and path, or a command; `act` and `about` what a command was to do, and to
    what; `detail` why not, in our words."""

    reason: Reason
    detail: str
    address: str | None = None
    request_id: str | None = None
    tenant: str | None = None
    who: str | None = None
    route: str | None = None
    act: str | None = None
    about: str | None = None


@dataclass(slots=True)
class _Window:
    ends: float
    lines: int = 0
    more: int = 0
    addresses: set[str] = field(default_factory=set)


class SecurityLog:
    """Of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[Reason, _Window] = {}

    def refused(self, refusal: Refusal) -> None:
        window = self._windows.get(refusal.reason)
        if window is None or self._clock() >= window.ends:
            self._close(refusal.reason)
            window = self._windows[refusal.reason] = _Window(self._clock() + _WINDOW_S)
        if window.lines < _LINES:
            window.lines += 1
            self._write(refusal)
            return
        if not window.more:
            self._close_later(refusal.reason)
        window.more += 1
        if refusal.address and len(window.addresses) < _ADDRESSES:
            window.addresses.add(refusal.address)

    def _write(self, refusal: Refusal) -> None:
        said = {
            "reason": refusal.reason.value,
            "detail": refusal.detail,
            "address": refusal.address,
            "request_id": refusal.request_id,
            "tenant": refusal.tenant,
            "who": refusal.who,
            "route": refusal.route,
            "act": refusal.act,
            "about": refusal.about,
        }
        structlog.get_logger(NAME).warning(
            "refused", **{name: value[:_LONGEST] for name, value in said.items() if value}
        )

    def _close_later(self, reason: Reason) -> None:
        """A flood that has ended is summed up all the same."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(_WINDOW_S, self._close_if_over, reason)

    def _close_if_over(self, reason: Reason) -> None:
        window = self._windows.get(reason)
        if window is not None and self._clock() >= window.ends:
            self._close(reason)

    def _close(self, reason: Reason) -> None:
        window = self._windows.pop(reason, None)
        if window is not None and window.more:
            structlog.get_logger(NAME).warning(
                "refused more",
                reason=reason.value,
                count=window.more,
                addresses=len(window.addresses),
                seconds=_WINDOW_S,
            )


_LOG = SecurityLog()


def refused(refusal: Refusal) -> None:
    """Write it to the log of this process."""
    _LOG.refused(refusal)
