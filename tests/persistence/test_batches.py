"""An item that cannot be reached: tried again while all may be away, and not for ever."""

from collections.abc import AsyncIterator

import pytest

from canonical_models.batch import BatchKind, ItemOutcome
from persistence import batches
from persistence.batches import PATIENCE, Listed, ToDo
from persistence.connection import Connection
from persistence.database import Database


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[Connection]:
    """A batch of two items."""
    async with database.statement() as conn:
        await batches.begin(
            conn, "acme", "bat_1", BatchKind.ADOPT, subject="acme", given={}, by="fay"
        )
        await batches.add(conn, "acme", "bat_1", [Listed("cus_1"), Listed("cus_2")])
        yield conn


async def read(conn: Connection) -> list[ToDo]:
    return await batches.to_do(conn, "acme", "bat_1", 10)


async def tried(conn: Connection, item: ToDo, times: int) -> list[bool]:
    """Whether it is to be tried again, after each time."""
    return [await batches.tried(conn, "acme", "bat_1", item) for _ in range(times)]


async def ended(conn: Connection, item: ToDo) -> None:
    await batches.stands(conn, "acme", "bat_1", item.number, ItemOutcome.DONE)


async def test_while_nobody_can_be_reached_it_is_tried_again(conn: Connection) -> None:
    first, _ = await read(conn)
    assert await tried(conn, first, PATIENCE + 3) == [True] * (PATIENCE + 3)


async def test_it_is_given_up_where_others_were_reached_since_it_was_begun(
    conn: Connection,
) -> None:
    """They may have come to their end before its first attempt has: beside it, in one turn."""
    first, second = await read(conn)
    await ended(conn, second)
    assert await tried(conn, first, PATIENCE) == [True] * (PATIENCE - 1) + [False]


async def test_who_was_reached_before_says_nothing_of_now(conn: Connection) -> None:
    await ended(conn, (await read(conn))[1])
    (first,) = await read(conn)
    assert await tried(conn, first, PATIENCE) == [True] * PATIENCE


async def test_the_last_one_does_not_keep_a_batch_open_for_ever(conn: Connection) -> None:
    first, second = await read(conn)
    await ended(conn, second)
    await conn.execute(
        "update batch_items set attempts = 11, at = now() - interval '7 hours' where key = 'cus_1'"
    )
    await conn.execute("update batch_items set at = now() - interval '8 hours' where key = 'cus_2'")
    assert await tried(conn, first, 1) == [False]


async def test_what_another_turn_has_carried_out_is_not_given_up(conn: Connection) -> None:
    first, second = await read(conn)
    await ended(conn, second)
    await ended(conn, first)
    assert await tried(conn, first, PATIENCE) == [True] * PATIENCE
