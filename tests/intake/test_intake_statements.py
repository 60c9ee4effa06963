"""The statements of the inbox on a real server: what they return, and how they end."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from persistence.inbox_statements import Statements
from tests.harness.waiting import until

COUNT = {b"count": b"select count(*) from generate_series(1, $1::text::int)"}


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    yield connection
    await connection.close()


def number(value: bytes | None) -> int:
    return int.from_bytes(value or b"")


async def test_a_statement_is_run_again_and_again(connection: psycopg.AsyncConnection) -> None:
    statements = await Statements.prepared(connection, COUNT)
    counted = [await statements.run(b"count", [b"%d" % rows]) for rows in (0, 3, 100_000)]
    assert [number(result.get_value(0, 0)) for result in counted] == [0, 3, 100_000]
    await statements.close()


async def test_what_the_server_refuses_leaves_the_connection_usable(
    connection: psycopg.AsyncConnection,
) -> None:
    statements = await Statements.prepared(connection, COUNT)
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await statements.run(b"count", [b"many"])
    assert (await statements.run(b"count", [b"1"])).ntuples == 1
    await statements.close()


async def test_a_commit_that_fails_is_no_success_though_rows_came_before(
    connection: psycopg.AsyncConnection,
) -> None:
    await connection.execute("create temp table once (id int unique deferrable initially deferred)")
    insert = {b"insert": b"insert into once values ($1::text::int) returning id"}
    statements = await Statements.prepared(connection, insert)
    await statements.run(b"insert", [b"1"])
    with pytest.raises(psycopg.errors.UniqueViolation):
        await statements.run(b"insert", [b"1"])
    await statements.close()


async def test_more_than_a_socket_holds_is_sent_and_received(
    connection: psycopg.AsyncConnection,
) -> None:
    statements = await Statements.prepared(connection, {b"echo": b"select $1::bytea"})
    large = bytes(range(256)) * 40_000
    assert (await statements.run(b"echo", [large])).get_value(0, 0) == large
    await statements.close()


async def test_a_statement_that_cannot_be_prepared_closes_the_connection(
    connection: psycopg.AsyncConnection,
) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        await Statements.prepared(connection, {b"wrong": b"select 1 from nowhere"})
    assert connection.closed


async def test_a_server_that_ends_the_session_is_an_operational_error(
    connection: psycopg.AsyncConnection, dsn: str
) -> None:
    statements = await Statements.prepared(connection, {b"sleep": b"select pg_sleep(30)"})
    running = asyncio.create_task(statements.run(b"sleep", []))
    pid = connection.info.backend_pid
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:

        async def sleeping() -> bool:
            found = await other.execute(
                "select wait_event from pg_stat_activity where pid = %s", (pid,)
            )
            return await found.fetchone() == ("PgSleep",)

        await until(sleeping, "the statement to run")
        await other.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(psycopg.OperationalError):
            async with asyncio.timeout(5):
                await running
        # Also for whoever comes later.
        with pytest.raises(psycopg.OperationalError):
            async with asyncio.timeout(5):
                await statements.run(b"sleep", [])
    await statements.close()
