"""The few kinds of column that the tables are made of."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Integer, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

NOW = text("now()")


def text_column(*, nullable: bool = False, default: str | None = None, key: bool = False) -> Any:
    server_default = text(f"'{default}'") if default is not None else None
    return Field(
        sa_column=Column(Text, nullable=nullable, primary_key=key, server_default=server_default)
    )


def time_column(*, nullable: bool = True) -> Any:
    return Field(
        sa_column=Column(
            DateTime(timezone=True), nullable=nullable, server_default=None if nullable else NOW
        )
    )


def json_column(*, nullable: bool = True) -> Any:
    return Field(sa_column=Column(JSONB, nullable=nullable))


def serial_column(*, key: bool = True) -> Any:
    return Field(
        sa_column=Column(
            BigInteger, Identity(always=True), primary_key=key, unique=not key, nullable=False
        )
    )


def integer_column(
    *, nullable: bool = False, big: bool = False, default: int | None = None, key: bool = False
) -> Any:
    return Field(
        sa_column=Column(
            BigInteger if big else Integer,
            nullable=nullable,
            primary_key=key,
            autoincrement=False,
            server_default=None if default is None else text(str(default)),
        )
    )


def boolean_column(*, default: bool) -> Any:
    return Field(
        sa_column=Column(
            Boolean, nullable=False, server_default=text("true" if default else "false")
        )
    )


def texts_column(*, nullable: bool = False) -> Any:
    default = None if nullable else text("'{}'")
    return Field(sa_column=Column(ARRAY(Text), nullable=nullable, server_default=default))
