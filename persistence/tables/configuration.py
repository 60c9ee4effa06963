"""What people keep: mappings and API keys; and which Temporal is ours."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    json_column,
    serial_column,
    text_column,
    time_column,
)


class MappingRow(SQLModel, table=True):
    """Master data that people keep: how a thing in billing is called elsewhere."""

    __tablename__ = "mappings"
    __table_args__ = (
        CheckConstraint("kind in ('account', 'item')", name="mappings_kind"),
        CheckConstraint("valid_to is null or valid_to > valid_from", name="mappings_valid"),
        Index(
            "mappings_one_open",
            "tenant",
            "kind",
            "source",
            unique=True,
            postgresql_where=text("valid_to is null"),
        ),
        # As it holds at one time, its end notwithstanding.
        Index("mappings_by_source", "tenant", "kind", "source"),
        # The few whose months begin elsewhere than those of their legal entity.
        Index(
            "mappings_by_zone",
            "tenant",
            "source",
            postgresql_where=text(
                "kind = 'account' and valid_to is null and (target ->> 'time_zone') is not null"
            ),
        ),
        # Whose an organisation of the support desk is, and who else has a party of the ERP.
        Index(
            "mappings_by_organization",
            "tenant",
            text("lower(target ->> 'support_organization')"),
            postgresql_where=text("kind = 'account'"),
        ),
        Index(
            "mappings_by_party",
            "tenant",
            text("(target ->> 'erp_party')"),
            postgresql_where=text("kind = 'account'"),
        ),
        # Accounts that were mapped in a stretch of time.
        Index("mappings_by_time", "tenant", "set_at", postgresql_where=text("kind = 'account'")),
    )
    id: int = serial_column()
    tenant: str = text_column()
    kind: str = text_column()
    source: str = text_column()
    target: dict[str, Any] = json_column(nullable=False)
    valid_from: datetime = time_column(nullable=False)
    valid_to: datetime | None = time_column()
    set_by: str = text_column()
    set_at: datetime = time_column(nullable=False)


class ApiKeyRow(SQLModel, table=True):
    """An API key, as SHA-256 of 256 random bits; the key itself is shown once and never stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("api_keys_by_person", "person_id", postgresql_where=text("person_id is not null")),
    )
    key_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    tenant: str = text_column()
    name: str = text_column()
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = time_column(nullable=False)
    revoked_at: datetime | None = time_column()
    #: Of a personal key: whose. It may what they may; a program's key has nobody.
    person_id: str | None = Field(sa_column=Column(Text, ForeignKey("people.id"), nullable=True))
    expires_at: datetime | None = time_column()
    #: Exact to a minute.
    last_used_at: datetime | None = time_column()


class NamespaceRow(SQLModel, table=True):
    """The namespace of Temporal whose sagas carry out the changes of this database: one row."""

    __tablename__ = "temporal_namespace"
    __table_args__ = (CheckConstraint("one", name="temporal_namespace_one"),)
    one: bool = Field(
        sa_column=Column(Boolean, primary_key=True, nullable=False, server_default=text("true"))
    )
    name: str = text_column()
    #: The engine's own id: another store has another one, also under the same name.
    namespace_id: str = text_column()
    since: datetime = time_column(nullable=False)
