"""What people have decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    integer_column,
    json_column,
    serial_column,
    text_column,
    time_column,
)


class DecisionRow(SQLModel, table=True):
    """One decision of a person. A trigger keeps it as it was made: `delivered_at` and `outcome` are
    written once, when it has taken effect or could not any more, and nothing is deleted."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint(
            "door in ('api', 'cli', 'console', 'web_ui', 'trueup')", name="decisions_door"
        ),
        CheckConstraint("scope in ('case', 'cause')", name="decisions_scope"),
        CheckConstraint(
            "(delivered_at is null) = (outcome is null)",
            name="decisions_outcome",
        ),
        Index(
            "decisions_once",
            "tenant",
            "once",
            unique=True,
            postgresql_where=text("once is not null"),
        ),
        Index(
            "decisions_one_underway",
            "tenant",
            "target_kind",
            "target_id",
            unique=True,
            postgresql_where=text("delivered_at is null"),
        ),
        Index("decisions_by_target", "tenant", "target_kind", "target_id", "seq"),
        Index(
            "decisions_by_change",
            "tenant",
            "change_id",
            "seq",
            postgresql_where=text("change_id is not null"),
        ),
    )
    id: str = text_column(key=True)
    seq: int = serial_column(key=False)
    tenant: str = text_column()
    at: datetime = time_column(nullable=False)
    decided_by: str = text_column()
    door: str = text_column()
    #: Where the request came from, and what it is called in the logs.
    address: str | None = text_column(nullable=True)
    request_id: str | None = text_column(nullable=True)
    action: str = text_column()
    target_kind: str = text_column()
    target_id: str = text_column()
    #: The change that waited for it, or that acts on it.
    change_id: str | None = text_column(nullable=True)
    scope: str = text_column(default="case")
    #: What who decided had before their eyes.
    shown_version: int | None = integer_column(nullable=True)
    shown_digest: str | None = text_column(nullable=True)
    before: dict[str, Any] | None = json_column()
    after: dict[str, Any] | None = json_column()
    reason: str = text_column(default="")
    #: The caller's own name of it: under one name one thing is decided.
    once: str | None = text_column(nullable=True)
    delivered_at: datetime | None = time_column()
    outcome: str | None = text_column(nullable=True)
