"""What shows that rows are as they were written: one chain of seals for each tenant."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    json_column,
    serial_column,
    text_column,
    time_column,
)


class SealRow(SQLModel, table=True):
    """One link of a tenant's chain, of a row that stands elsewhere. See persistence/sealed.py for
    which rows, and canonical_models/seal.py for how."""

    __tablename__ = "seals"
    __table_args__ = (
        UniqueConstraint("tenant", "source", "place", "part", name="seals_once"),
        Index("seals_by_object", "objects", postgresql_using="gin"),
        Index("seals_by_time", "tenant", "at"),
    )
    tenant: str = text_column(key=True)
    #: From 1 on, without a gap.
    number: int = Field(
        sa_column=Column(BigInteger, primary_key=True, nullable=False, autoincrement=False)
    )
    #: The table, the key of the row in it, and which state of the row where there are several.
    source: str = text_column()
    place: str = text_column()
    part: str = text_column(default="")
    #: What people look for: ids of business objects that the row is about.
    objects: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    #: When it happened, as the row says.
    at: datetime = time_column(nullable=False)
    sealed_at: datetime = time_column(nullable=False)
    #: Salted digests, by name, of what may be dropped or erased.
    kept: dict[str, Any] = json_column(nullable=False)
    #: In hex, by the same names; without those whose part was dropped or erased.
    salts: dict[str, Any] = json_column(nullable=False)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    link: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ApprovedPlanRow(SQLModel, table=True):
    """The plan of a change as it was when a person said yes to it. It stays when the change is
    planned again, and is not dropped with the change's own."""

    __tablename__ = "approved_plans"
    #: The change, and the digest of the plan.
    id: str = text_column(key=True)
    tenant: str = text_column()
    change_id: str = text_column()
    digest: str = text_column()
    #: None once it is erased.
    plan: dict[str, Any] | None = json_column()
    approved_by: str = text_column()
    approved_at: datetime = time_column(nullable=False)


class UnsealedRow(SQLModel, table=True):
    """A row that waits for its seal; written by triggers, in the transaction of the row."""

    __tablename__ = "unsealed"
    id: int = serial_column()
    tenant: str = text_column()
    source: str = text_column()
    place: str = text_column()
    part: str = text_column(default="")
