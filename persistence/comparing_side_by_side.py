"""Two slices at a time, each on a connection and on a core of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from persistence.comparing import SLICE, Comparison, Keys, Slice
from persistence.connection import Connection
from persistence.database import Database

#: Compares what is behind the one key, up to the other one, so many rows at most.
Compare = Callable[[Connection, str, str | None, int], Awaitable[Slice]]


async def two_slices(
    database: Database,
    of: Comparison,
    keys: Keys,
    compare: Compare,
    *,
    after: str,
    place: str = "",
    limit: int = SLICE,
) -> Slice:
    """The next `limit` rows and the next ones behind them; of one customer there are few, and it is
    one slice. Each is kept by itself: who does it again finds the same."""
    middle = await _end(database, of, keys, after, place, limit)
    if middle is None:
        return await _slice(database, compare, after, None, limit)
    end = await _end(database, of, keys, middle, place, limit)
    done = await asyncio.gather(
        _slice(database, compare, after, middle, limit),
        _slice(database, compare, middle, end, limit),
        return_exceptions=True,
    )
    # Both have come to their end before the failure of one is told.
    found = [each for each in done if isinstance(each, Slice)]
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return Slice(
        looked_at=sum(each.looked_at for each in found),
        differing=sum(each.differing for each in found),
        # Of what is filtered there are fewer rows than keys.
        after=end,
        left_out=sum(each.left_out for each in found),
    )


async def _slice(
    database: Database, compare: Compare, after: str, upto: str | None, limit: int
) -> Slice:
    async with database.transaction() as conn:
        return await compare(conn, after, upto, limit)


async def _end(
    database: Database, of: Comparison, keys: Keys, after: str, place: str, limit: int
) -> str | None:
    """The key at which a whole slice ends; None where there are fewer. So each statement is bounded
    by keys: whatever its plan, it reads no more than them."""
    if of.customer_id is not None:
        return None
    query = (
        f"select {keys.column} from {keys.rows} and {keys.column} > %(after)s "  # noqa: S608 - constants
        f"order by {keys.column} offset %(limit)s - 1 limit 1"
    )
    values = {**of.values, "after": after, "place": place, "limit": limit}
    async with database.statement() as conn:
        row = await (await conn.execute(query.encode(), values)).fetchone()
    return row[0] if row else None
