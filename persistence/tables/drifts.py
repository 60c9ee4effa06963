"""Answers of vendors that do not fit their contract, as all workers see them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Text
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    serial_column,
    text_column,
    time_column,
)


class DriftRow(SQLModel, table=True):
    """A call of a connection's port that has met an answer that does not fit, and has met none that
    does since; or a word that nobody knows, and that nothing waits for. See
    connectors/contracts.py."""

    __tablename__ = "drifts"
    tenant: str = text_column(key=True)
    connection: str = text_column(key=True)
    #: The port's method, and which object it was called for.
    call: str = text_column(key=True)
    about: str = text_column(key=True)
    #: What was asked of the vendor, where in its answer it is, and what is otherwise.
    operation: str = text_column()
    path: str = text_column()
    change: str = text_column()
    message: str = text_column()
    times: int = integer_column(default=1)
    waits: bool = boolean_column(default=True)
    since: datetime = time_column(nullable=False)
    seen_at: datetime = time_column(nullable=False)


class RecordingRow(SQLModel, table=True):
    """What a connection's vendor answers is recorded until then, redacted with this salt."""

    __tablename__ = "recordings"
    id: str = text_column(key=True)
    tenant: str = text_column()
    connection: str = text_column()
    salt: str = text_column()
    begun_by: str = text_column()
    begun_at: datetime = time_column(nullable=False)
    until: datetime = time_column(nullable=False)


class RecordedRow(SQLModel, table=True):
    """One call of the port with what it asked and was answered, redacted; dropped with its
    recording, which whoever asked for it takes with them."""

    __tablename__ = "recorded"
    __table_args__ = (Index("recorded_recording", "recording", "seq"),)
    seq: int | None = serial_column()
    recording: str = Field(
        sa_column=Column(Text, ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False)
    )
    entry: dict[str, Any] = json_column(nullable=False)
    bytes: int = integer_column()
