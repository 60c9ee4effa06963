"""The databases of tests: what one test has left, the next does not find."""

import psycopg
import pytest

from tests.harness.postgres import PostgresServer

_EVENT = (
    "insert into inbox (receipt, tenant, connection, event_id, event_type, status, body) "
    "values ('r', 'acme', 'stripe', 'evt_1', 'any', 'received', '') returning id"
)


def test_it_is_empty_and_counts_from_the_beginning(postgres: PostgresServer) -> None:
    for _ in range(3):
        with postgres.database() as dsn:
            left_open = psycopg.connect(dsn, autocommit=True)
            assert left_open.execute(_EVENT.encode()).fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("select 1")
        left_open.close()


@pytest.mark.parametrize(
    "change",
    [
        "create table another ()",
        "alter table inbox add column another text",
        "drop trigger change_was_added on changes",
        "update alembic_version set version_num = 'another'",
        "drop table alembic_version",
    ],
)
def test_one_of_another_schema_is_not_used_again(postgres: PostgresServer, change: str) -> None:
    with postgres.database() as changed, psycopg.connect(changed, autocommit=True) as connection:
        connection.execute(change.encode())
    with postgres.database() as another:
        assert another != changed
