"""What people decide, as it is kept: who, by which door, on what, and what became of it."""

from enum import StrEnum
from typing import Any

from canonical_models.base import Canonical, Instant


class Door(StrEnum):
    """Where a decision comes in. By `web_ui`, which is whatever speaks to a workflow itself, nobody
    has proved who they are."""

    API = "api"
    CLI = "cli"
    WEB_UI = "web_ui"
    TRUEUP = "trueup"


class Target(StrEnum):
    """What is decided about."""

    EXCEPTION = "exception"
    CHANGE = "change"
    DOCUMENT = "document"
    MAPPING = "mapping"
    GRANT = "grant"


class Scope(StrEnum):
    """Whether a decision is for the one case that was looked at, or for all of its cause."""

    CASE = "case"
    CAUSE = "cause"


class Outcome(StrEnum):
    """What became of a decision: it took effect when it was written; the saga has acted on it; or
    what it was about had ended by then."""

    DONE = "done"
    TAKEN = "taken"
    VOID = "void"


class Entrance(Canonical):
    """How somebody came in: the door, and what is known of the request."""

    door: Door = Door.TRUEUP
    address: str | None = None
    request_id: str | None = None


class DecisionView(Canonical):
    """One decision. `before` and `after` are what it is about, without and with it. `outcome` is
    None while it has not been handed over; it was handed over at `delivered_at`."""

    decision_id: str
    at: Instant
    by: str
    door: Door
    action: str
    target_kind: str
    target_id: str
    change_id: str | None
    scope: Scope
    shown_version: int | None
    shown_digest: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    delivered_at: Instant | None
    outcome: Outcome | None
