"""Rows as what they are shown as: the columns of a query are named after the fields of a model.

Statements are written out: through an ORM the same one costs several times the CPU, and a saga has
dozens of them. The tables are what `persistence.tables` says.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from psycopg.rows import dict_row
from pydantic import BaseModel

from persistence.connection import Connection

Model = TypeVar("Model", bound=BaseModel)


def columns(model: type[BaseModel], **apart: str) -> str:
    """What is selected for it; `apart` are the fields that are no column of the same name."""
    return ", ".join(
        f"{apart[name]} as {name}" if name in apart else name for name in model.model_fields
    )


def select(model: type[BaseModel], table: str, **apart: str) -> str:
    """All rows."""
    return f"select {columns(model, **apart)} from {table}"  # noqa: S608 - put together from constants


def all_of(conditions: Mapping[str, object]) -> str:
    """Those conditions of which the value is given, which may be none."""
    given = [condition for condition, value in conditions.items() if value is not None]
    return " and ".join(given or ["true"])


async def fetch(
    conn: Connection, model: type[Model], query: str, values: Sequence[Any] | Mapping[str, Any]
) -> tuple[Model, ...]:
    """What the query finds, in its order."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), values)
        return tuple(model.model_validate(row, strict=False) for row in await cursor.fetchall())


async def fetch_one(
    conn: Connection, model: type[Model], query: str, values: Sequence[Any] | Mapping[str, Any]
) -> Model | None:
    """The first that it finds."""
    return next(iter(await fetch(conn, model, query, values)), None)
