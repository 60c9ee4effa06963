"""What a machine cannot decide, and what a person decides about it."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import AccountMapping, ItemMapping
from canonical_models.money import Money
from canonical_models.process import Process


class Raised(Canonical):
    """A step that a machine cannot take further."""

    tenant: str
    change_id: Identifier
    step: str
    system: str
    failure_class: str
    code: str
    subject: str | None = None
    owner: str
    message: str
    amount_at_risk: Money | None = None
    #: The process that asks, and whom it is about; None where it is the saga of the change.
    process: Process | None = None


class Action(StrEnum):
    """What a person decides. `correct` also carries the mapping that was missing.

    `approve` is the yes to a document that policy does not let pass; the last three answer an
    invoice that nobody pays: more time, or an end with the debt credited or written off.
    """

    RETRY = "retry"
    CORRECT = "correct"
    ABORT = "abort"
    APPROVE = "approve"
    EXTEND = "extend"
    CREDIT = "credit"
    WRITE_OFF = "write_off"


_ONLY_FOR = {
    RejectionCode.APPROVAL_NEEDED.value: (Action.APPROVE, Action.ABORT),
    RejectionCode.PAYMENT_OVERDUE.value: (Action.EXTEND, Action.CREDIT, Action.WRITE_OFF),
}


def decisions_of(code: str) -> tuple[Action, ...]:
    """What may be decided of an exception of this code."""
    return _ONLY_FOR.get(code, (Action.RETRY, Action.CORRECT, Action.ABORT))


class Resolution(Canonical):
    """A person's decision on the open exception. `by` names who, never a secret."""

    exception_id: Identifier
    action: Action
    by: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    account: AccountMapping | None = None
    item: ItemMapping | None = None
