"""Looks for a text in every column of every table."""

import psycopg
from psycopg.rows import dict_row

_TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"


def places_of(dsn: str, *said: str, tenant: str | None = None) -> set[str]:
    """`table.column` wherever one of the texts stands, be it bytes, text or inside of JSON."""
    found = set()
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        for table in [row["tablename"] for row in conn.execute(_TABLES)]:
            for row in conn.execute(f"select * from {table}".encode()):
                if tenant is not None and row.get("tenant", tenant) != tenant:
                    continue
                for column, value in row.items():
                    held = bytes(value).decode("latin-1") if isinstance(value, bytes) else value
                    if any(text in str(held) for text in said):
                        found.add(f"{table}.{column}")
    return found
