"""What was erased of whom: that, and not what it was."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from persistence.tables.columns import integer_column, serial_column, text_column, time_column


class ErasureRow(SQLModel, table=True):
    """One erasure of a customer's personal data; one that was broken off is gone on with."""

    __tablename__ = "erasures"
    __table_args__ = (
        Index(
            "erasures_one_open",
            "tenant",
            "customer_id",
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
    )
    id: int = serial_column()
    tenant: str = text_column()
    customer_id: str = text_column()
    asked_by: str = text_column()
    begun_at: datetime = time_column(nullable=False)
    #: The webhook up to which all were looked at.
    inbox_up_to: int = integer_column(big=True, default=0)
    #: How many were erased, by the name of their place.
    counts: dict[str, Any] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    ended_at: datetime | None = time_column()
