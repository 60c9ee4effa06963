"""What a machine cannot decide, and what a person decides about it."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.ledgering import AccountMapping, ItemMapping
from canonical_models.money import Money


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


class Action(StrEnum):
    """What a person decides. `correct` also carries the mapping that was missing."""

    RETRY = "retry"
    CORRECT = "correct"
    ABORT = "abort"


class Resolution(Canonical):
    """A person's decision on the open exception. `by` names who, never a secret."""

    exception_id: Identifier
    action: Action
    by: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    account: AccountMapping | None = None
    item: ItemMapping | None = None
