"""Who works now."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import SQLModel

from persistence.tables.columns import text_column, time_column


class AtWorkRow(SQLModel, table=True):
    """A process of ours, for as long as it says every few seconds that it is at work."""

    __tablename__ = "at_work"
    __table_args__ = (CheckConstraint("part in ('worker', 'api', 'console')", name="at_work_part"),)
    name: str = text_column(key=True)
    part: str = text_column()
    build: str | None = text_column(nullable=True)
    since: datetime = time_column(nullable=False)
    seen_at: datetime = time_column(nullable=False)
