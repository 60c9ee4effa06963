"""Rows of the product's tables, put in and read as they are, past the stores."""

from typing import TypeVar

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from persistence.connection import Connection
from persistence.tables import metadata

Row = TypeVar("Row", bound=SQLModel)


async def add(conn: Connection, *rows: SQLModel) -> None:
    """What a row does not say is the table's default."""
    for row in rows:
        table = metadata.tables[str(row.__tablename__)]
        given = {
            column.name: Jsonb(value) if isinstance(column.type, JSONB) else value
            for column in table.columns
            if (value := vars(row).get(column.name)) is not None
        }
        names, places = ", ".join(given), ", ".join(f"%({name})s" for name in given)
        await conn.execute(f"insert into {table.name} ({names}) values ({places})".encode(), given)


async def row_of(conn: Connection, model: type[Row], id_: str) -> Row | None:
    table = str(model.__tablename__)
    async with conn.cursor(row_factory=class_row(model)) as cursor:
        await cursor.execute(f"select * from {table} where id = %s".encode(), (id_,))
        return await cursor.fetchone()
