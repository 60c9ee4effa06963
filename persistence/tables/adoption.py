"""What version 0.1.0 has kept of customers that it took over. Batches have it all; nothing reads
these tables, which go with the next version."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    boolean_column,
    json_column,
    text_column,
    time_column,
)


class AdoptionRow(SQLModel, table=True):
    """One run over billing's customers, or its rehearsal; `cursor` is the next page's."""

    __tablename__ = "adoptions"
    __table_args__ = (
        CheckConstraint("state in ('running', 'stopped', 'ended')", name="adoptions_state"),
        CheckConstraint("(state = 'running') = (ended_at is null)", name="adoptions_ended_when"),
        Index(
            "adoptions_one_running",
            "tenant",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
        Index("adoptions_by_tenant", "tenant", "started_at"),
    )
    tenant: str = text_column(key=True)
    id: str = text_column(key=True)
    rehearsal: bool = boolean_column(default=True)
    #: None where it is of all.
    customer_id: str | None = text_column(nullable=True)
    cutover: datetime = time_column(nullable=False)
    cursor: str | None = text_column(nullable=True)
    state: str = text_column(default="running")
    #: Customers by result.
    counts: dict[str, int] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    error: str | None = text_column(nullable=True)
    started_by: str = text_column()
    started_at: datetime = time_column(nullable=False)
    ended_at: datetime | None = time_column()


class AdoptionCustomerRow(SQLModel, table=True):
    """What was found of one customer. `causes` are the findings, empty where all agrees."""

    __tablename__ = "adoption_customers"
    __table_args__ = (
        CheckConstraint("result in ('agreed', 'left')", name="adoption_customers_result"),
        Index("adoption_customers_by_result", "tenant", "adoption_id", "result", "customer_id"),
    )
    tenant: str = text_column(key=True)
    adoption_id: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    result: str = text_column()
    causes: list[Any] = json_column(nullable=False)
    figures: dict[str, Any] = json_column(nullable=False)
    at: datetime = time_column(nullable=False)
