"""Connections are what `pool_size` says, whoever asks for them."""

import asyncio

import psycopg
import pytest

from persistence import pool
from persistence.database import Database
from tests.harness.temporal import free_port
from tests.harness.waiting import until


def connections(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and application_name = 'trueup'"
        ).fetchone()
    return found[0] if found else 0


async def left(dsn: str, count: int) -> None:
    """The server shows a connection for a moment after its client has closed it."""

    async def are() -> bool:
        return await asyncio.to_thread(connections, dsn) == count

    await until(are, f"{count} connections of the pool")


async def alone(database: Database) -> None:
    async with database.statement() as conn:
        await conn.execute("select pg_sleep(0.01)")


async def together(database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("select pg_sleep(0.01)")


async def test_all_kinds_of_work_share_the_connections_of_one_pool(dsn: str) -> None:
    database = Database(dsn, pool_size=3)
    most = 0
    for _ in range(3):
        work = asyncio.gather(*(kind(database) for _ in range(15) for kind in (alone, together)))
        while not work.done():
            most = max(most, await asyncio.to_thread(connections, dsn))
        await work
    # However seldom a busy machine has looked: those that were made are idle now, and still there.
    assert max(most, connections(dsn)) == 3
    await database.close()
    await left(dsn, 0)


async def test_who_finds_no_connection_free_is_told(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_PATIENCE_S", 0.1)
    database = Database(dsn, pool_size=1)
    async with database.transaction():
        with pytest.raises(pool.NoneFree, match="pool_size"):
            await together(database)
    await together(database)
    await database.close()


async def test_what_is_left_open_or_broken_harms_nobody_else(dsn: str) -> None:
    database = Database(dsn, pool_size=1)
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.transaction() as conn:
            await conn.execute("select 1 / 0")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), database.transaction() as conn:
            await conn.execute("select pg_sleep(60)")
    async with database.statement() as conn:
        await conn.execute("begin")
        await conn.execute("create table left_open (x integer)")
    await together(database)
    async with database.statement() as conn:
        found = await (await conn.execute("select to_regclass('left_open')")).fetchone()
        assert found == (None,)
        (mine,) = await (await conn.execute("select pg_backend_pid()")).fetchone() or (0,)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(%s)", (mine,))
    # It is found to be dead before it is given.
    await together(database)
    await left(dsn, 1)
    await database.close()


async def test_a_database_that_is_away_is_told_at_once_with_the_reason() -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        async with database.statement():
            pass
    await database.close()
