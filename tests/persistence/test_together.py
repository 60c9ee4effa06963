"""Reads that know nothing of each other cost one round trip, and read the same."""

from decimal import Decimal

import psycopg
import pytest

from canonical_models.decisions import Target
from persistence import causes, changes, decisions, exceptions, subscriptions
from persistence.connection import Connection
from persistence.database import Database
from persistence.together import together
from tests.api.seeding import seeded
from tests.harness.round_trips import counted


async def test_what_is_read_together_is_what_is_read_alone(database: Database) -> None:
    ids = await seeded(database, "acme")

    async def chained(conn: Connection) -> object:
        found = await exceptions.get(conn, "acme", ids.exception)
        assert found is not None
        return await causes.get(conn, "acme", found.cause_id)

    reads = (
        lambda on: exceptions.get(on, "acme", ids.exception),
        lambda on: exceptions.get(on, "acme", "exc_none"),
        lambda on: decisions.on(on, "acme", Target.EXCEPTION, ids.exception),
        lambda on: changes.page(on, "acme", limit=20),
        lambda on: changes.plan(on, "acme", ids.change("done")),
        lambda on: changes.proof(on, "acme", ids.change("done")),
        lambda on: subscriptions.get(on, "acme", ids.subscription),
        chained,
    )
    async with database.transaction() as conn:
        alone = [await read(conn) for read in reads]
        with counted() as trips:
            found = await together(conn, *reads)
        # The one that needs what it has read asks once more.
        assert trips == ["together"] * 2
        assert list(found) == alone
        assert found[1] is None
        with counted() as trips:
            nested = await together(conn, lambda on: together(on, *reads), reads[0])
        assert trips == ["together"] * 2
        with counted() as trips:
            assert [await read(conn) for read in reads] == alone
        assert len(trips) == len(reads) + 1
    assert list(nested[0]) == alone


async def test_those_that_ask_again_ask_together(database: Database) -> None:
    async def counts(conn: Connection) -> int:
        for number in range(3):
            row = await (await conn.execute("select %s::int", (number,))).fetchone()
        return int(row[0]) if row else -1

    async with database.statement() as conn:
        with counted() as trips:
            assert await together(conn, counts, counts, counts) == (2, 2, 2)
    assert len(trips) == 3


async def test_figures_keep_all_their_digits(database: Database) -> None:
    async def figure(conn: Connection) -> object:
        row = await (await conn.execute("select 1234567890123456.10::numeric")).fetchone()
        return row[0] if row else None

    async with database.statement() as conn:
        found, again = await together(conn, figure, figure)
    assert found == again == Decimal("1234567890123456.10")
    assert str(found) == "1234567890123456.10"


async def test_a_read_that_fails_leaves_the_others_alone(database: Database) -> None:
    async def fails(conn: Connection) -> None:
        await changes.proof(conn, "acme", "chg_1")
        raise LookupError("it is not there")

    async with database.transaction() as conn:
        with pytest.raises(LookupError):
            await together(conn, lambda on: changes.page(on, "acme", limit=1), fails)
        assert await changes.page(conn, "acme", limit=1) == ()


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_what_the_database_refuses_is_told_and_the_connection_goes_on(
    database: Database, place: int
) -> None:
    async def divides(conn: Connection) -> object:
        return await (await conn.execute("select 1 / 0")).fetchone()

    reads = [lambda on: changes.page(on, "acme", limit=1)] * 2
    async with database.statement() as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            await together(conn, *reads[:place], divides, *reads[place:])
        assert await together(conn, *reads) == ((), ())
