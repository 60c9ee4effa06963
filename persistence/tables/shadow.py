"""What would have been done for a tenant in shadow, and what others have done."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    json_column,
    serial_column,
    text_column,
    texts_column,
    time_column,
)


class ShadowChangeRow(SQLModel, table=True):
    """What one change would have done, and what it was planned from. `documents` are billing's, as
    they were read then, without whom they name."""

    __tablename__ = "shadow_changes"
    __table_args__ = (
        CheckConstraint(
            "comes in ('goes_through', 'then_waits', 'needs_approval', 'not_affected', 'untold')",
            name="shadow_changes_comes",
        ),
        Index("shadow_changes_by_customer", "tenant", "customer_id", "seq"),
        Index("shadow_changes_by_subject", "tenant", "subject", "seq"),
        # When a tenant has planned last.
        Index("shadow_changes_by_time", "tenant", "planned_at"),
    )
    tenant: str = text_column(key=True)
    change_id: str = text_column(key=True)
    seq: int = serial_column(key=False)
    subject: str = text_column()
    customer_id: str | None = text_column(nullable=True)
    planned_at: datetime = time_column(nullable=False)
    comes: str = text_column()
    code: str | None = text_column(nullable=True)
    #: What it would have asked about.
    asked_about: str | None = text_column(nullable=True)
    #: The canonical Foreseen.
    foreseen: dict[str, Any] | None = json_column()
    #: The canonical AmendmentPlan; None where none could be made.
    plan: dict[str, Any] | None = json_column()
    subscription: dict[str, Any] | None = json_column()
    documents: list[Any] | None = json_column()


class ShadowItemRow(SQLModel, table=True):
    """What is looked for in the other systems. `expected` is canonical; None once it was erased,
    and nobody looks for it any more."""

    __tablename__ = "shadow_items"
    __table_args__ = (
        CheckConstraint("about in ('document', 'support', 'target')", name="shadow_items_about"),
        CheckConstraint("state in ('waiting', 'agrees', 'differs')", name="shadow_items_state"),
        Index("shadow_items_by_state", "tenant", "state", "planned_at", "about", "key"),
        Index(
            "shadow_items_due",
            "tenant",
            text("tried_at nulls first"),
            postgresql_where=text("expected is not null"),
        ),
        Index("shadow_items_by_change", "tenant", "change_id"),
        Index("shadow_items_by_customer", "tenant", "customer_id"),
    )
    tenant: str = text_column(key=True)
    about: str = text_column(key=True)
    key: str = text_column(key=True)
    #: The change that has planned it last.
    change_id: str = text_column()
    subject: str = text_column()
    customer_id: str = text_column()
    number: str | None = text_column(nullable=True)
    legal_entity: str | None = text_column(nullable=True)
    expected: dict[str, Any] | None = json_column()
    state: str = text_column(default="waiting")
    differences: list[Any] = json_column(nullable=False)
    #: The ERP's numbers of what was found.
    found: list[str] = texts_column()
    planned_at: datetime = time_column(nullable=False)
    #: Since when its state is so.
    since: datetime = time_column(nullable=False)
    #: When it was last read; None before, and `tried_at` is later where it could not be.
    compared_at: datetime | None = time_column()
    tried_at: datetime | None = time_column()
