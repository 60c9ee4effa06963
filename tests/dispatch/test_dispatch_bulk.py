"""What is asked for in bulk waits in its own row, and keeps nothing live waiting."""

from canonical_models.amendment import ChangeKind
from canonical_models.occasion import Backfilled, SyncAsked
from persistence import change_queue
from persistence.change_queue import BULK, LIVE, Turns
from persistence.database import Database


async def asked(database: Database, subject: str, *, lane: int) -> str:
    why = Backfilled("bfl_1", subject) if lane == BULK else SyncAsked(subject)
    async with database.transaction() as conn:
        return await change_queue.follow(
            conn, "acme", subject, why=why, kind=ChangeKind.OTHER, lane=lane
        )


async def lanes(database: Database) -> dict[str, tuple[int, bool]]:
    """By change: its lane, and whether it may be claimed."""
    async with database.statement() as conn:
        found = await conn.execute("select id, lane, ready from changes")
        return {row[0]: (row[1], row[2]) for row in await found.fetchall()}


async def test_a_live_change_takes_what_is_before_it_out_of_the_row_of_bulk(
    database: Database,
) -> None:
    first = await asked(database, "sub_1", lane=BULK)
    others = [await asked(database, f"sub_{number}", lane=BULK) for number in range(2, 40)]
    live = await asked(database, "sub_1", lane=LIVE)
    found = await lanes(database)
    assert (found[first], found[live]) == ((LIVE, True), (LIVE, False))
    assert {found[other] for other in others} == {(BULK, True)}
    async with database.transaction() as conn:
        turns = Turns("d", bulk_most=1)
        (claim, bulk) = await change_queue.claim(conn, in_flight=4, most=4, turns=turns)
    assert (claim.change_id, claim.lane, bulk.lane) == (first, LIVE, BULK)


async def test_what_is_asked_for_in_bulk_behind_a_live_change_leaves_that_as_it_is(
    database: Database,
) -> None:
    live = await asked(database, "sub_1", lane=LIVE)
    bulk = await asked(database, "sub_1", lane=BULK)
    assert await lanes(database) == {live: (LIVE, True), bulk: (BULK, False)}


async def test_bulk_never_takes_the_places_that_are_left_for_others(database: Database) -> None:
    for number in range(20):
        await asked(database, f"sub_{number}", lane=BULK)
    turns = Turns("d", bulk_most=2)
    async with database.transaction() as conn:
        assert len(await change_queue.claim(conn, in_flight=8, most=8, turns=turns)) == 2
        assert await change_queue.claim(conn, in_flight=8, most=8, turns=turns) == ()
    await asked(database, "sub_live", lane=LIVE)
    async with database.transaction() as conn:
        (claim,) = await change_queue.claim(conn, in_flight=8, most=8, turns=turns)
    assert claim.subject == "sub_live"
