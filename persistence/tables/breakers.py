"""Which vendors are away, and who posts for a legal entity."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

from persistence.tables.columns import integer_column, text_column, time_column


class BreakerRow(SQLModel, table=True):
    """A connection to a vendor, as all workers see it. See connectors/breaker.py."""

    __tablename__ = "breakers"
    __table_args__ = (CheckConstraint("state in ('closed', 'open')", name="breakers_state"),)
    tenant: str = text_column(key=True)
    connection: str = text_column(key=True)
    state: str = text_column(default="closed")
    #: Since when it is in this state.
    since: datetime = time_column(nullable=False)
    #: When one worker asks whether it is back.
    probe_at: datetime | None = time_column()
    reason: str | None = text_column(nullable=True)
    #: How many calls at once a worker has last found it to take.
    limit_seen: int | None = integer_column(nullable=True)
    #: How long an answer of it took of late, in milliseconds.
    answer_ms: int | None = integer_column(nullable=True)
    updated_at: datetime = time_column(nullable=False)


class LaneRow(SQLModel, table=True):
    """The postings of one legal entity, and the worker that takes them. Without a `build` it says
    that there is such a lane; the workers of each build have one of their own."""

    __tablename__ = "lanes"
    tenant: str = text_column(key=True)
    entity: str = text_column(key=True)
    build: str = text_column(key=True)
    holder: str | None = text_column(nullable=True)
    #: When another worker may take it.
    until: datetime = time_column(nullable=False)
