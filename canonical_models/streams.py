"""Streams: somebody outside who is told of events, and what became of each that was to be told."""

from datetime import timedelta
from enum import StrEnum

from canonical_models.base import Canonical, Instant
from canonical_models.failures import Team


class Transport(StrEnum):
    """By HTTP each event by itself; by mail what has come about, a digest an interval."""

    HTTP = "http"
    MAIL = "mail"


class StreamState(StrEnum):
    """What comes while it is paused waits."""

    ACTIVE = "active"
    PAUSED = "paused"


class DeliveryState(StrEnum):
    """`dead` is what was tried for the last time, and is sent again when somebody says so."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


#: Pauses before the second and each further try, as Standard Webhooks 1.0.0 proposes them
#: ("Deliverability and reliability"): ten tries in some three days.
BACK_OFF = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)

#: Of the mail streams, which the settings make: how their names begin; and of what they tell, what
#: becomes a question and what gets urgent.
MAIL_PREFIX = "mail-"
MAIL_TYPES = ("sync.exception_opened.v1", "sync.exception_escalated.v1")

#: Says that the receiver is gone for good (RFC 9110, 15.5.11).
GONE = 410


class Answer(Canonical):
    """What a receiver has said. Without `status` nothing of an answer came, for the reason in
    `error`; `body` are the first bytes as text, `retry_after` seconds that it asks for."""

    status: int | None = None
    body: str | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def words(self) -> str | None:
        """Why it was not taken."""
        if self.taken:
            return None
        return self.error or f"the receiver answered {self.status}"


class Stream(Canonical):
    """`secrets` are names of the tenant's `stream_secrets`, the newest first: two while they
    rotate. `types` are those that it is told of, in which `*` stands for anything; none for all.
    With a `team` it is told of what this team answers alone. `failing_since` while the receiver
    takes nothing."""

    name: str
    transport: Transport
    url: str | None
    secrets: tuple[str, ...]
    types: tuple[str, ...]
    team: Team | None
    state: StreamState
    added_by: str
    added_at: Instant
    pending: int
    dead: int
    sent_at: Instant | None
    failures: int
    failing_since: Instant | None
    error: str | None


class Delivery(Canonical):
    """An event on its way to a stream. `position` is the event's in the feed; `attempts` counts the
    tries since it came or was sent again; `status`, `answer` and `error` are of the last one."""

    position: int
    event_id: str
    type: str
    subject: str
    state: DeliveryState
    attempts: int
    due_at: Instant
    tried_at: Instant | None
    delivered_at: Instant | None
    status: int | None
    answer: str | None
    error: str | None
