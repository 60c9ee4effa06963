"""What people decide, as it is kept: who, by which door, on what, and what became of it."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from canonical_models.base import Canonical, Instant
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import Team
from canonical_models.views import ExceptionView

#: Whoever speaks to a workflow itself: the engine tells no name.
UNNAMED = "an unnamed operator"
CANCELLED_THERE = f"cancelled in Temporal by {UNNAMED}"


class Door(StrEnum):
    """Where a decision comes in. By `web_ui`, which is whatever speaks to a workflow itself, nobody
    has proved who they are."""

    API = "api"
    CLI = "cli"
    CONSOLE = "console"
    WEB_UI = "web_ui"
    TRUEUP = "trueup"


class Target(StrEnum):
    """What is decided about."""

    EXCEPTION = "exception"
    CHANGE = "change"
    DOCUMENT = "document"
    MAPPING = "mapping"
    GRANT = "grant"
    CAUSE = "cause"
    STREAM = "stream"
    #: A month of a legal entity, as `LE-DE/2027-01`.
    PERIOD = "period"
    DIFFERENCE = "difference"
    #: Whose account stands where: its parent, who pays, and what others call it.
    ACCOUNT = "account"
    #: A release, or its undo, as a whole.
    BATCH = "batch"


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


class DecisionMade(Canonical):
    """What somebody decides. `before` and `after` are what it is about, without and with it;
    `change_id` is the change that waited for it or acts on it; `once` is the caller's own name of
    it."""

    by: str = Field(min_length=1, max_length=200)
    action: str
    target_kind: Target
    target_id: str
    change_id: str | None = None
    scope: Scope = Scope.CASE
    shown_version: int | None = None
    shown_digest: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    reason: str = ""
    once: str | None = None


class DecisionView(DecisionMade):
    """As it is kept. `outcome` is None while it has not been handed over, which it was at
    `delivered_at`."""

    decision_id: str
    at: Instant
    door: Door
    delivered_at: Instant | None
    outcome: Outcome | None


def of_exception(
    asked: ExceptionView,
    resolution: Resolution,
    *,
    before: dict[str, Any] | None = None,
    once: str | None = None,
    shown: str | None = None,
) -> DecisionMade:
    """What somebody decides of an open exception; `after` is the whole decision. `shown` is the
    digest of what was looked at, where that was more than the exception itself."""
    return DecisionMade(
        by=resolution.by,
        action=resolution.action.value,
        target_kind=Target.EXCEPTION,
        target_id=asked.exception_id,
        change_id=asked.change_id,
        shown_digest=shown or asked.digest,
        before=before,
        after=resolution.model_dump(mode="json"),
        reason=resolution.note,
        once=once,
    )


def not_for_operations(resolution: Resolution, owner: str) -> str | None:
    """Whose leave the decision needs besides that of operations, in words; None where it needs no
    other. Whoever speaks to a workflow itself is operations: they may have anything tried again,
    and take back what operations was asked about. Mappings and money are not theirs."""
    if resolution.corrects:
        return "what is mapped or corrected is for those who may set mappings or decide documents"
    match resolution.action:
        case Action.RETRY:
            return None
        case Action.ABORT if owner == Team.OPERATIONS:
            return None
        case _:
            return f"it is for {owner} to decide"
