"""What is done in bulk."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    text_column,
    time_column,
)


class BatchRow(SQLModel, table=True):
    """One batch. Of a kind and subject one may be open at a time. `cursor` is where the list goes
    on while it is made, `next_at` when more may be handed over, and `looked_at` from when on
    failures count that pause it."""

    __tablename__ = "batches"
    __table_args__ = (
        CheckConstraint(
            "kind in ('adopt', 'replay', 'preview', 'release', 'backfill', 'trial', 'undo')",
            name="batches_kind",
        ),
        CheckConstraint("state in ('running', 'paused', 'stopped', 'ended')", name="batches_state"),
        CheckConstraint(
            "(state in ('stopped', 'ended')) = (ended_at is not null)", name="batches_ended_when"
        ),
        Index(
            "batches_one_open",
            "tenant",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("state in ('running', 'paused')"),
        ),
        Index("batches_by_tenant", "tenant", "begun_at"),
    )
    tenant: str = text_column(key=True)
    id: str = text_column(key=True)
    kind: str = text_column()
    subject: str = text_column()
    given: dict[str, Any] = json_column(nullable=False)
    state: str = text_column(default="running")
    rate: int | None = integer_column(nullable=True)
    trial: bool = boolean_column(default=False)
    listed: bool = boolean_column(default=True)
    cursor: str | None = text_column(nullable=True)
    why: str | None = text_column(nullable=True)
    next_at: datetime = time_column(nullable=False)
    looked_at: datetime = time_column(nullable=False)
    begun_by: str = text_column()
    begun_at: datetime = time_column(nullable=False)
    ended_at: datetime | None = time_column()


class BatchItemRow(SQLModel, table=True):
    """One of the list, in its order. `given` is what was looked at."""

    __tablename__ = "batch_items"
    __table_args__ = (
        CheckConstraint(
            "outcome in ('not_begun', 'handed_over', 'at_work', 'done', 'needs_approval', 'waits', "
            "'set_aside', 'failed')",
            name="batch_items_outcome",
        ),
        Index("batch_items_key", "tenant", "batch_id", "key", unique=True),
        Index("batch_items_by_outcome", "tenant", "batch_id", "outcome", "number"),
    )
    tenant: str = text_column(key=True)
    batch_id: str = text_column(key=True)
    number: int = integer_column(key=True)
    key: str = text_column()
    given: dict[str, Any] | None = json_column()
    outcome: str = text_column(default="not_begun")
    reason: str | None = text_column(nullable=True)
    change_id: str | None = text_column(nullable=True)
    found: dict[str, Any] | None = json_column()
    #: How often it was tried in vain.
    attempts: int = integer_column(default=0)
    at: datetime = time_column(nullable=False)
