"""Where a webhook, a change and a question stand. Those of effects, documents and grants are beside
what they are states of."""

from enum import StrEnum


class InboxStatus(StrEnum):
    """What became of a webhook that was kept."""

    #: It waits to be read.
    RECEIVED = "received"
    #: A change was made of it, or it is told of by one that was there.
    DISPATCHED = "dispatched"
    #: It is about nothing that is kept in agreement.
    IGNORED = "ignored"
    #: It cannot be read, and says why.
    DEAD_LETTERED = "dead_lettered"


class ChangeState(StrEnum):
    PENDING = "pending"
    #: Claimed: its saga is being started.
    STARTING = "starting"
    RUNNING = "running"
    #: Its saga waits for a person.
    WAITING = "waiting"
    SETTLED = "settled"


class ChangeOutcome(StrEnum):
    """What a settled change came to."""

    #: Every system agrees, proven by reading each back.
    COMPLETED = "completed"
    #: Every system agreed already.
    NO_CHANGE = "no_change"
    #: What it had done was taken back.
    COMPENSATED = "compensated"
    #: It was ended before anything was changed.
    CANCELLED = "cancelled"
    #: The tenant is in shadow: it was planned, and nothing was done.
    SHADOWED = "shadowed"


class ExceptionState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class CauseState(StrEnum):
    #: A case of it is open.
    OPEN = "open"
    CLOSED = "closed"


class WokenBy(StrEnum):
    """Why a saga that waits was told to look again whether its question has answered itself."""

    #: Its cause was mended by way of another case, or of a mapping.
    CAUSE = "cause"
    #: Nobody said so: it was a regular look.
    LOOK = "look"


class TargetState(StrEnum):
    """How far an entitlement target follows."""

    #: It has not confirmed the revision that it should hold.
    BEHIND = "behind"
    CURRENT = "current"
    #: A person has given it up, until the next news.
    REFUSED = "refused"


class Forecast(StrEnum):
    """Of the next renewal of a contract."""

    NONE = "none"
    READY = "ready"
    BLOCKED = "blocked"


class InvoiceStatus(StrEnum):
    """Where a document stands with the customer, as the ERP says."""

    UNPOSTED = "unposted"
    POSTED = "posted"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERDUE = "overdue"
    CREDITED = "credited"
