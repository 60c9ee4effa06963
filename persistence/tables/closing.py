"""Months of legal entities that were closed, and what was sealed of each."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, UniqueConstraint
from sqlmodel import Field, SQLModel

from persistence.tables.columns import integer_column, json_column, text_column, time_column


class PeriodRow(SQLModel, table=True):
    """Where a month stands; one without a row is open, and nobody has ever closed it."""

    __tablename__ = "periods"
    __table_args__ = (
        CheckConstraint("state in ('open', 'closing', 'closed')", name="periods_state"),
        CheckConstraint("state <> 'closed' or close_id is not null", name="periods_closed"),
        CheckConstraint(
            "(state = 'closing') = (closing_until is not null)", name="periods_closing"
        ),
    )
    tenant: str = text_column(key=True)
    legal_entity: str = text_column(key=True)
    #: As 2027-01.
    period: str = text_column(key=True)
    state: str = text_column(default="open")
    #: Who closed or reopened it last, or is closing it.
    by: str = text_column()
    at: datetime = time_column(nullable=False)
    #: Who is closing it: another has another.
    attempt: str | None = text_column(nullable=True)
    #: After this whoever was closing it is gone.
    closing_until: datetime | None = time_column()
    #: The newest report, which a reopened month keeps.
    close_id: str | None = text_column(nullable=True)
    version: int = integer_column(default=0)
    #: `Reopened`, until it is closed again.
    reopened: dict[str, Any] | None = json_column()
    #: What kept it open when it was last to be closed.
    tried_at: datetime | None = time_column()
    standing: list[Any] | None = json_column()


class CloseRow(SQLModel, table=True):
    """A report as it was sealed. A trigger keeps it as it is."""

    __tablename__ = "closes"
    __table_args__ = (
        UniqueConstraint(
            "tenant", "legal_entity", "period", "version", name="closes_one_of_version"
        ),
        CheckConstraint("version > 0", name="closes_version"),
    )
    id: str = text_column(key=True)
    tenant: str = text_column()
    legal_entity: str = text_column()
    period: str = text_column()
    #: Legal entity and month, as decisions name them.
    about: str = text_column()
    version: int = integer_column()
    first: date = Field(sa_column=Column(Date, nullable=False))
    last: date = Field(sa_column=Column(Date, nullable=False))
    closed_by: str = text_column()
    closed_at: datetime = time_column(nullable=False)
    #: Canonical JSON (RFC 8785), byte by byte.
    report: str = text_column()
