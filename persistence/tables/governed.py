"""How the API is used: by which keys, and what is answered again."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, Index
from sqlmodel import Field, SQLModel

from persistence.tables.columns import integer_column, json_column, text_column, time_column


class KeyUsageRow(SQLModel, table=True):
    """An operation that a key has used; the last use is exact to a minute."""

    __tablename__ = "key_usage"
    tenant: str = text_column(key=True)
    key_id: str = text_column(key=True)
    #: Method and path of the API's description, such as `GET /v1/changes/{change_id}`.
    operation: str = text_column(key=True)
    first_used_at: datetime = time_column(nullable=False)
    last_used_at: datetime = time_column(nullable=False)


class KeptAnswerRow(SQLModel, table=True):
    """The answer to what was asked under an Idempotency-Key; without `status` it is being carried
    out, or was cut off."""

    __tablename__ = "kept_answers"
    __table_args__ = (
        CheckConstraint(
            "(status is null) = (body is null) and (status is null) = (headers is null)",
            name="kept_answers_whole",
        ),
        Index("kept_answers_expiring", "expires_at"),
    )
    tenant: str = text_column(key=True)
    key_id: str = text_column(key=True)
    name: str = text_column(key=True)
    #: SHA-256 of method, address and body.
    asked: str = text_column()
    status: int | None = integer_column(nullable=True)
    headers: dict[str, Any] | None = json_column()
    body: str | None = text_column(nullable=True)
    begun_at: datetime = time_column(nullable=False)
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
