"""What a machine cannot decide, and what a person decides about it."""

from datetime import date
from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.money import Money
from canonical_models.process import Process


class Track(StrEnum):
    """What a question holds: the books of a change, its access, or all of it, as of a process
    beside the changes."""

    BOOKS = "books"
    ACCESS = "access"
    PROCESS = "process"


class Raised(Canonical):
    """A step that a machine cannot take further."""

    tenant: str
    change_id: Identifier
    #: The claim that the saga which asks was started for; None where a process asks.
    epoch: int | None = None
    track: Track
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
    #: The exception that was decided to be tried again, and has failed again for the same cause.
    again: Identifier | None = None


class DocumentCorrection(Canonical):
    """What a person decides of one document: the tax code of its lines, the day it is booked on,
    or the ERP document made by hand that it is (`link`, its id or number). `by` names who, as we
    know it and never as the caller says."""

    document_id: Identifier
    tax_code: str | None = Field(default=None, max_length=120)
    posting_date: date | None = None
    link: Identifier | None = None
    by: str | None = Field(default=None, max_length=200)

    @property
    def says(self) -> bool:
        """Whether it decides anything."""
        return any((self.tax_code, self.posting_date, self.link))


class Action(StrEnum):
    """What a person decides. `correct` also carries the mapping that was missing. `skip` leaves a
    document out of the ERP for good, as a difference that somebody has accepted.

    `approve` is the yes to a document that policy does not let pass; the last three answer an
    invoice that nobody pays: more time, or an end with the debt credited or written off.
    """

    RETRY = "retry"
    CORRECT = "correct"
    SKIP = "skip"
    ABORT = "abort"
    APPROVE = "approve"
    EXTEND = "extend"
    CREDIT = "credit"
    WRITE_OFF = "write_off"


#: The run of a change has ended several times before it was done, and none is open that could ask.
SAGA_LOST = "saga_lost"

#: How a step of an undo is called, before what it undoes: `abort` says there that a person did it.
UNDO_OF = "undo of "

#: A vendor is away: the question of its connection, which closes by itself when it is back.
VENDOR_AWAY = "vendor_away"

#: A vendor answers otherwise than its contract says: the question of its connection, which closes
#: by itself when its answers fit again.
CONTRACT_CHANGED = "contract_changed"


class Resolution(Canonical):
    """A person's decision on the open exception. `by` names who, never a secret."""

    exception_id: Identifier
    action: Action
    by: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    account: AccountMapping | None = None
    item: ItemMapping | None = None
    document: DocumentCorrection | None = None

    @property
    def corrects(self) -> bool:
        """Whether it brings anything that was missing."""
        return any((self.account, self.item, self.document))
