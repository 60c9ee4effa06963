"""Two slices at a time find what one after the other finds, and where one fails nothing is done."""

import asyncio
from datetime import timedelta

import pytest

from persistence import comparing, reconciliations
from persistence.comparing import BILLED, BOOKED, Comparison, Keys, Slice
from persistence.comparing_side_by_side import two_slices
from persistence.connection import Connection
from persistence.database import Database
from tests.persistence.issued import BOOKS_FROM, ISSUED, TENANT, document
from tests.persistence.test_comparing import BILLING, ERP, booked, page, said, told

OF = Comparison(tenant=TENANT, since=BOOKS_FROM)
NAMES = tuple(f"in_{number}" for number in range(7))


async def billed(database: Database, *names: str) -> None:
    """Documents of which we know nothing: each is missing."""
    await told(database, BILLING, page(*(said(document(name)) for name in names)))


async def one(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
    return await comparing.documents(conn, OF, after=after, upto=upto, limit=limit)


async def missing(database: Database, of: Comparison = OF) -> list[str]:
    async with database.statement() as conn:
        return [each.key for each in await reconciliations.page(conn, of, limit=100)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 100])
async def test_all_are_looked_at_once_whatever_the_slices(database: Database, limit: int) -> None:
    await billed(database, *NAMES)
    looked_at, after = 0, ""
    while True:
        found = await two_slices(database, OF, BILLED, one, after=after, limit=limit)
        assert found.looked_at == found.differing
        looked_at += found.looked_at
        if found.after is None:
            break
        assert found.looked_at == 2 * limit
        after = found.after
    assert looked_at == len(NAMES)
    assert await missing(database) == [*NAMES]


async def test_of_what_is_filtered_a_slice_ends_where_its_keys_do(database: Database) -> None:
    old = said(document("in_3"), issued_at=ISSUED - timedelta(days=900))
    young = (said(document(name)) for name in NAMES if name != "in_3")
    await told(database, BILLING, page(*young, old))
    found = await two_slices(database, OF, BILLED, one, after="in_1", limit=2)
    # One of the first slice is left out, and the second begins behind it.
    assert (found.looked_at, found.after) == (3, "in_5")
    assert await missing(database) == ["in_2", "in_4", "in_5"]


async def test_both_are_at_work_at_once(database: Database) -> None:
    await billed(database, *NAMES)
    met = asyncio.Barrier(2)

    async def meeting(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
        async with asyncio.timeout(10):
            await met.wait()
        return await one(conn, after, upto, limit)

    found = await two_slices(database, OF, BILLED, meeting, after="", limit=3)
    assert (found.looked_at, found.after) == (6, "in_5")


async def test_where_one_fails_it_is_said_and_done_again(database: Database) -> None:
    await billed(database, *NAMES)

    async def failing(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
        if after == "in_2":
            raise TimeoutError("it was lost")
        return await one(conn, after, upto, limit)

    with pytest.raises(TimeoutError, match="it was lost"):
        await two_slices(database, OF, BILLED, failing, after="", limit=3)
    found = await two_slices(database, OF, BILLED, one, after="", limit=3)
    assert (found.looked_at, await missing(database)) == (6, [*NAMES[:6]])


async def test_of_one_customer_it_is_one_slice(database: Database) -> None:
    await billed(database, *NAMES)
    mine = Comparison(tenant=TENANT, since=BOOKS_FROM, customer_id="cus_1")

    async def whole(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
        assert (after, upto) == ("", None)
        return await comparing.documents(conn, mine, after=after, upto=upto, limit=limit)

    found = await two_slices(database, mine, BILLED, whole, after="", limit=3)
    assert (found.looked_at, found.after) == (3, "in_2")


async def test_each_legal_entity_has_keys_of_its_own(database: Database) -> None:
    documents = (booked(document(f"in_{number}"), str(number)) for number in range(5))
    await told(database, ERP, page(*documents))

    async def unknown(conn: Connection, after: str, upto: str | None, limit: int) -> Slice:
        return await comparing.unknown(conn, OF, "LE-DE", after=after, upto=upto, limit=limit)

    async def looked_at(keys: Keys, place: str) -> int:
        found = await two_slices(database, OF, keys, unknown, after="", place=place, limit=2)
        return found.looked_at

    assert await looked_at(BOOKED, "LE-DE") == 4
