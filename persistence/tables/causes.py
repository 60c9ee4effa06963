"""What one mend answers, and what was said and done about a case or a cause."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlmodel import SQLModel

from persistence.tables.columns import (
    integer_column,
    json_column,
    serial_column,
    text_column,
    texts_column,
    time_column,
)


class CauseRow(SQLModel, table=True):
    """Code, system and subject that exceptions share. Counts, amounts, clock and state are kept up
    by a trigger, in the transaction that opens or closes a case, whoever writes."""

    __tablename__ = "causes"
    __table_args__ = (
        CheckConstraint("state in ('open', 'closed')", name="causes_state"),
        CheckConstraint(
            "open_cases >= 0 and unknown_cases between 0 and open_cases", name="causes_counts"
        ),
        Index("causes_by_due", "tenant", "state", "due_at", "id"),
        Index("causes_by_owner", "tenant", "state", "owner", "due_at", "id"),
        Index("causes_by_assignee", "tenant", "state", "assignee", "due_at", "id"),
        Index("causes_by_code", "tenant", "state", "code", "due_at", "id"),
    )
    tenant: str = text_column(key=True)
    id: str = text_column(key=True)
    code: str = text_column()
    system: str = text_column()
    subject: str | None = text_column(nullable=True)
    #: The team of its newest case.
    owner: str = text_column()
    state: str = text_column()
    open_cases: int = integer_column(default=0)
    #: Open ones of which it is not known what is at risk, by no case of their change.
    unknown_cases: int = integer_column(default=0)
    #: Of the oldest case that is open, or was the last time that one was.
    opened_at: datetime = time_column(nullable=False)
    newest_at: datetime = time_column(nullable=False)
    #: Of the open case that is due first.
    due_at: datetime = time_column(nullable=False)
    closed_at: datetime | None = time_column()
    #: When it was last tried whether it has been mended outside.
    looked_at: datetime | None = time_column()
    assignee: str | None = text_column(nullable=True)
    tags: list[str] = texts_column()


class CauseAmountRow(SQLModel, table=True):
    """What its open cases put at risk in one currency: the two of one change once, as its books say
    it. `cases` is how many count here."""

    __tablename__ = "cause_amounts"
    tenant: str = text_column(key=True)
    cause: str = text_column(key=True)
    currency: str = text_column(key=True)
    minor: int = integer_column(big=True)
    cases: int = integer_column()


class MendDraftRow(SQLModel, table=True):
    """What an open cause is to be mended with, in force nowhere, and what other systems propose for
    it. A trigger drops it when the cause closes."""

    __tablename__ = "mend_drafts"
    __table_args__ = (
        CheckConstraint("(said_by is null) = (said_at is null)", name="mend_drafts_said"),
    )
    tenant: str = text_column(key=True)
    cause: str = text_column(key=True)
    #: None as long as nobody has said anything.
    mend: dict[str, Any] | None = json_column()
    said_by: str | None = text_column(nullable=True)
    said_at: datetime | None = time_column()
    #: Of what was said: counted up with each time.
    version: int = integer_column(default=0)
    proposed: dict[str, Any] | None = json_column()
    proposed_at: datetime | None = time_column()


class CaseHistoryRow(SQLModel, table=True):
    """One line of a case or a cause, by its id: opened, decided and escalated by a trigger; what
    people say and do beside by those who let them."""

    __tablename__ = "case_history"
    __table_args__ = (
        Index("case_history_about", "tenant", "about", "seq"),
        Index("case_history_by_time", "tenant", "at"),
    )
    seq: int = serial_column()
    tenant: str = text_column()
    about: str = text_column()
    at: datetime = time_column(nullable=False)
    by: str = text_column()
    what: str = text_column()
    note: str | None = text_column(nullable=True)
