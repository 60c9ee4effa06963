"""The sealer at work: rows are linked within seconds, whoever is woken, and it sleeps otherwise."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest

from dispatch.sealing import Sealer
from persistence import seals, worklist
from persistence.database import Database
from tests.audit.written import told, verified
from tests.harness.waiting import until


@asynccontextmanager
async def sealing(*databases: Database) -> AsyncIterator[list[Sealer]]:
    sealers = [Sealer(each) for each in databases]
    tasks = [asyncio.create_task(sealer.run()) for sealer in sealers]
    try:
        yield sealers
    finally:
        for task in tasks:
            assert not task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def waits(database: Database) -> bool:
    async with database.statement() as conn:
        return (await worklist.read(conn, lease=timedelta(seconds=4))).unsealed


async def test_what_was_written_is_sealed_within_two_seconds(database: Database) -> None:
    async with sealing(database) as (sealer,):
        for _ in range(3):
            await told(database)
            sealer.wake()

            async def none_waits() -> bool:
                return not await waits(database)

            await until(none_waits, "it is sealed", seconds=2)
    assert (await verified(database)).sealed == 3


async def test_it_sleeps_once_there_is_nothing_and_is_woken(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.sealing._EVERY_S", 0.01)
    looks = 0
    look = seals.seal_waiting

    async def counted(of: Database) -> int:
        nonlocal looks
        looks += 1
        return await look(of)

    monkeypatch.setattr(seals, "seal_waiting", counted)

    async def at(count: int) -> None:
        async def there() -> bool:
            return looks == count

        await until(there, f"it has looked {count} times")

    async with sealing(database) as (sealer,):
        await at(3)
        sealer.wake()
        await at(6)
    assert looks == 6


async def test_a_database_that_is_away_puts_it_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.sealing._EVERY_S", 0.01)
    await told(database)
    look, faults = seals.seal_waiting, [psycopg.OperationalError("away")] * 9

    async def away(of: Database) -> int:
        if faults:
            raise faults.pop()
        return await look(of)

    monkeypatch.setattr(seals, "seal_waiting", away)
    async with sealing(database):

        async def none_waits() -> bool:
            return not await waits(database)

        await until(none_waits, "it is sealed")


async def test_several_workers_make_one_chain(database: Database) -> None:
    other = Database(database.dsn)
    async with sealing(database, other) as sealers:
        for number in range(60):
            await told(database, "acme" if number % 2 else "globex")
            for sealer in sealers:
                sealer.wake()

        async def none_waits() -> bool:
            return not await waits(database)

        await until(none_waits, "all are sealed")
    for tenant in ("acme", "globex"):
        found = await verified(database, tenant)
        assert (found.sealed, found.broken) == (30, 0)
    await other.close()
