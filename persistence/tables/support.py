"""What the support desk has told and was read to hold: for people who look a customer up there."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import boolean_column, json_column, text_column, time_column


class SupportCaseRow(SQLModel, table=True):
    """A case, without what people have written in it. `told_at` is when the desk was last heard or
    read of it, by our clock."""

    __tablename__ = "support_cases"
    __table_args__ = (
        Index(
            "support_cases_by_organization",
            "tenant",
            text("lower(organization)"),
            "case_id",
        ),
    )
    tenant: str = text_column(key=True)
    case_id: str = text_column(key=True)
    #: By our id of it; None where the case belongs to none.
    organization: str | None = text_column(nullable=True)
    status: str | None = text_column(nullable=True)
    priority: str | None = text_column(nullable=True)
    url: str | None = text_column(nullable=True)
    opened_at: datetime | None = time_column()
    escalated_at: datetime | None = time_column()
    #: The desk's promises, as they were last read.
    deadlines: Any = json_column()
    told_at: datetime = time_column(nullable=False)
    #: By the desk's word, or by the reading that found it no more.
    closed_at: datetime | None = time_column()


class SupportDeskRow(SQLModel, table=True):
    """When an organisation was last read at the desk, and what it showed."""

    __tablename__ = "support_desks"
    tenant: str = text_column(key=True)
    organization: str = text_column(key=True)
    read_at: datetime = time_column(nullable=False)
    #: Whether all of its open cases were read.
    complete: bool = boolean_column(default=True)
    #: The canonical SupportOrganization; None where there was none.
    shown: dict[str, Any] | None = json_column()
    #: The canonical SlaPolicy of its tier.
    sla: dict[str, Any] | None = json_column()
