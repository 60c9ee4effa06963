"""Who works now, and what teams were told by mail."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

from persistence.tables.columns import integer_column, text_column, time_column


class AtWorkRow(SQLModel, table=True):
    """A process of ours, for as long as it says every few seconds that it is at work."""

    __tablename__ = "at_work"
    __table_args__ = (CheckConstraint("part in ('worker', 'api')", name="at_work_part"),)
    name: str = text_column(key=True)
    part: str = text_column()
    build: str | None = text_column(nullable=True)
    since: datetime = time_column(nullable=False)
    seen_at: datetime = time_column(nullable=False)


class DigestRow(SQLModel, table=True):
    """How far a team of a tenant was told by mail."""

    __tablename__ = "digests"
    __table_args__ = (
        CheckConstraint("team in ('finance', 'support', 'operations')", name="digests_team"),
    )
    tenant: str = text_column(key=True)
    team: str = text_column(key=True)
    #: What came about until then was told; None before the first.
    told_to: datetime | None = time_column()
    #: When somebody looks again whether there is something to tell.
    due_at: datetime = time_column(nullable=False)
    #: The worker that looks has so long; then another does.
    claimed_until: datetime | None = time_column()
    sent_at: datetime | None = time_column()
    #: Of the mail server, one after another.
    failures: int = integer_column(default=0)
    failing_since: datetime | None = time_column()
    error: str | None = text_column(nullable=True)
