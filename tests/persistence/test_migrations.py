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


def checks_of(connection: Connection, *tables: str) -> list[tuple[str, ...]]:
    return [row for row in catalogue(connection)["constraints"] if row[0] in tables]


def test_going_back_from_shadow_leaves_the_checks_as_they_were(
    postgres: PostgresServer, dsn: str
) -> None:
    with postgres.database("template1") as before:
        engine = create_engine(sqlalchemy_url(before))
        with engine.connect() as connection:
            command.upgrade(_config(connection), "0018")
            connection.commit()
            wanted = checks_of(connection, "changes", "batches")
        engine.dispose()
    engine = create_engine(sqlalchemy_url(dsn))
    with engine.connect() as connection:
        connection.execute(
            text(
                "insert into changes (id, tenant, connection, subject, event_id, kind, state, "
                "outcome) values ('chg_1', 'acme', 'billing', 'sub_1', 'evt_1', 'other', "
                "'settled', 'shadowed'); "
                "insert into batches (tenant, id, kind, subject, given, begun_by) "
                "values ('acme', 'tri_1', 'trial', 'customers', '{}', 'Jane'); "
                "insert into batch_items (tenant, batch_id, number, key) "
                "values ('acme', 'tri_1', 1, 'cus_1')"
            )
        )
        connection.commit()
        command.downgrade(_config(connection), "0018")
        connection.commit()
        assert checks_of(connection, "changes", "batches") == wanted
        assert connection.execute(text("select outcome from changes")).all() == [("no_change",)]
        assert connection.execute(text("select count(*) from batch_items")).scalar() == 0
    engine.dispose()
