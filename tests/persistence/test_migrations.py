"""The migrations make exactly the schema that the tables declare, and can be taken back."""

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from persistence.database import _config, migrate_now, sqlalchemy_url
from persistence.tables import metadata
from tests.harness.postgres import PostgresServer

#: Read from the catalogue, so that defaults, checks and partial indexes count too.
CATALOGUE = {
    "columns": """
        select table_name || '.' || column_name, data_type, is_nullable,
          coalesce(column_default, ''), is_identity, coalesce(identity_generation, '')
        from information_schema.columns where table_schema = 'public'""",
    "constraints": """
        select conrelid::regclass::text, contype::text, pg_get_constraintdef(oid),
          case when contype in ('p', 'n') then '' else conname end
        from pg_constraint where connamespace = 'public'::regnamespace""",
    "indexes": "select tablename, indexdef, '' from pg_indexes where schemaname = 'public'",
}


def catalogue(connection: Connection) -> dict[str, list[tuple[str, ...]]]:
    found = {}
    for part, query in CATALOGUE.items():
        rows = [tuple(row) for row in connection.execute(text(query))]
        found[part] = sorted(row for row in rows if "alembic_version" not in str(row))
    return found


def test_the_migrations_make_what_the_tables_declare(postgres: PostgresServer, dsn: str) -> None:
    with postgres.database("template1") as declared:
        engine = create_engine(sqlalchemy_url(declared))
        with engine.begin() as connection:
            metadata.create_all(connection)
            wanted = catalogue(connection)
        engine.dispose()
        engine = create_engine(sqlalchemy_url(dsn))
        with engine.begin() as connection:
            migrated = catalogue(connection)
        engine.dispose()
    assert len(wanted["columns"]) > 100
    for part in CATALOGUE:
        assert migrated[part] == wanted[part]


def test_the_migrations_can_be_taken_back_and_made_again(dsn: str) -> None:
    engine = create_engine(sqlalchemy_url(dsn))
    with engine.connect() as connection:
        before = catalogue(connection)
        command.downgrade(_config(connection), "base")
        connection.commit()
        assert catalogue(connection)["columns"] == []
        connection.commit()
        command.upgrade(_config(connection), "head")
        connection.commit()
        assert catalogue(connection) == before
    engine.dispose()


@pytest.mark.parametrize("times", [1, 2])
def test_migrating_again_changes_nothing(dsn: str, times: int) -> None:
    engine = create_engine(sqlalchemy_url(dsn))
    with engine.connect() as connection:
        before = catalogue(connection)
    for _ in range(times):
        migrate_now(dsn)
    with engine.connect() as connection:
        assert catalogue(connection) == before
    engine.dispose()
