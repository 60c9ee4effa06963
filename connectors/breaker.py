"""Whether a vendor is away altogether: then nobody calls it but one, who asks whether it is back.

    closed -- faults in a row --> open -- its time has come --> probing -- an answer --> closed
                                   ^------------------ a fault ------------'

Pure: `now` is any clock's seconds.
"""

from dataclasses import dataclass
from enum import StrEnum

#: So many calls in a row without an answer that says anything.
FAULTS = 5
#: Seconds until the first probe whether it is back, and the most between two probes.
FIRST_PROBE, LONGEST_PROBE = 5.0, 60.0


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    #: One call is under way, or may be made by whoever comes first.
    PROBING = "probing"


@dataclass
class Breaker:
    state: State = State.CLOSED
    #: Since when it is away, or back.
    since: float = float("-inf")
    probe_at: float = 0.0
    reason: str = ""
    #: Whether the time alone makes somebody ask; not where workers agree who does.
    may_ask: bool = True
    #: How often it was found away, and when it was last heard of.
    openings: int = 0
    heard_at: float = float("-inf")
    _faults: int = 0
    _wait: float = FIRST_PROBE
    _asked: bool = False

    def may_call(self, now: float) -> bool:
        """Whether a call may be made now; the one that may while it is away is the probe."""
        if not self.has_place(now):
            return False
        self._asked = self.state is State.PROBING
        return True

    def has_place(self, now: float) -> bool:
        """Whether it is worth while to bring a call."""
        if self.state is State.OPEN and self.may_ask and now >= self.probe_at:
            self.state, self._asked = State.PROBING, False
        return self.state is State.CLOSED or (self.state is State.PROBING and not self._asked)

    def answered(self, now: float) -> None:
        """It said anything: that is enough to be there."""
        self._faults, self.heard_at = 0, now
        if self.state is not State.CLOSED:
            self.close(now)

    def failed(self, now: float, reason: str) -> None:
        """No answer, or a server's fault."""
        self._faults += 1
        if self.state is State.PROBING:
            self._wait = min(2 * self._wait, LONGEST_PROBE)
            self._open(now, reason)
        elif self.state is State.CLOSED and self._faults >= FAULTS:
            self.since = now
            self._open(now, reason)

    def given_up(self) -> None:
        """The probe was cancelled before it told anything: another may be made."""
        self._asked = False

    def close(self, now: float) -> None:
        self.state, self.since, self.reason = State.CLOSED, now, ""
        self._faults, self._wait = 0, FIRST_PROBE

    def away(self, *, since: float, probe_at: float, reason: str) -> None:
        """As another worker has found it: who asks next is agreed on."""
        self.state, self.since, self.reason = State.OPEN, since, reason
        self.probe_at, self.may_ask = probe_at, False

    def _open(self, now: float, reason: str) -> None:
        self.state, self.reason = State.OPEN, reason
        self.probe_at = now + self._wait
        self.openings += 1
