"""What may be claimed is marked; the marks say what the tables say, whatever is done."""

import asyncio
import random
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import DeadlockDetected

from canonical_models.amendment import ChangeKind
from canonical_models.occasion import SyncAsked
from canonical_models.states import ChangeOutcome
from persistence import change_queue, change_watch, changes
from persistence.change_queue import Turns
from persistence.database import Database
from tests.harness.flow import states, write
from tests.harness.waiting import until
from tests.persistence.test_change_queue import add, claim, events, triggered

#: Marked and should not be, or the other way round.
WRONG = """
select id, state, ready from changes as this where ready is distinct from (
  state = 'pending' and not held
  and not exists (select from changes as other where other.tenant = this.tenant
    and other.subject = this.subject and (other.state in ('starting', 'running', 'waiting')
      or other.state = 'pending' and other.seq < this.seq)))
"""


async def wrong(database: Database) -> list[object]:
    async with database.transaction() as conn:
        found = await conn.execute(WRONG.encode())
        return [tuple(row) for row in await found.fetchall()]


@dataclass
class Change:
    id: str
    tenant: str
    state: str


async def known(database: Database) -> list[Change]:
    async with database.transaction() as conn:
        found = await conn.execute("select id, tenant, state from changes order by seq")
        return [Change(*row) for row in await found.fetchall()]


MOVES = [
    *("add", "follow", "claim", "start", "back", "refuse", "settle", "cancel", "wait", "run"),
    *("requeue", "hold", "release", "raw"),
]


async def moved(database: Database, move: str, number: int) -> None:  # noqa: C901, PLR0912 - each move is one line
    """Do it to one of those to which it can be done, which `number` chooses."""
    if move == "add":
        name = f"e{random.getrandbits(60)}"
        await add(
            database, [triggered(name, f"s{number % 3}"), triggered(f"{name}b", f"s{number % 2}")]
        )
        return
    if move == "claim":
        await claim(database, in_flight=4, most=1 + number % 3, turns=Turns("d"))
        return
    wanted = {
        "start": ("starting",),
        "back": ("starting",),
        "refuse": ("starting",),
        "settle": ("running", "waiting"),
        "cancel": ("pending",),
        "wait": ("running",),
        "run": ("waiting",),
        "requeue": ("starting", "running", "waiting", "pending", "settled"),
        "hold": ("pending", "running"),
        "release": ("pending", "running"),
        "raw": ("pending", "starting", "running", "waiting"),
    }
    async with database.transaction() as conn:
        if move == "follow":
            await change_queue.follow(
                conn,
                "acme",
                f"s{number % 3}",
                why=SyncAsked(f"{random.getrandbits(60)}"),
                kind=ChangeKind.OTHER,
            )
            return
    able = [each for each in await known(database) if each.state in wanted[move]]
    if not able:
        return
    this = able[number % len(able)]
    async with database.transaction() as conn:
        match move:
            case "start":
                await change_queue.started(conn, this.id, "run")
            case "back" | "refuse":
                await change_queue.put_back(conn, [this.id], reset_attempts=move == "back")
            case "settle":
                await changes.settle(conn, this.tenant, this.id, outcome=ChangeOutcome.COMPLETED)
            case "cancel":
                await changes.cancel_pending(conn, this.tenant, this.id, "by hand")
            case "wait":
                await changes.waits(conn, this.tenant, this.id, "asking")
            case "run":
                await changes.runs(conn, this.tenant, this.id)
            case "requeue":
                await change_queue.requeue(conn, this.id, why="its run is gone")
            case "hold" | "release":
                await change_queue.hold(conn, this.tenant, this.id, held=move == "hold")
            case "raw":
                await conn.execute(
                    "update changes set state = 'settled', outcome = 'cancelled' where id = %(id)s",
                    {"id": this.id},
                )


@given(moves=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9)), max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_marks_are_right_after_any_moves(
    database: Database, moves: list[tuple[str, int]]
) -> None:
    await write(database, "truncate changes")
    for move, number in moves:
        await moved(database, move, number)
        assert await wrong(database) == [], (move, number)


async def undeadlocked(database: Database, move: str, number: int) -> None:
    try:
        await moved(database, move, number)
    except (DeadlockDetected, OperationalError) as fault:
        if not isinstance(getattr(fault, "orig", fault), DeadlockDetected):
            raise


async def test_the_marks_are_right_whatever_happens_at_one_time(database: Database) -> None:
    """Six at a time on three subjects: nothing is left unmarked, and nobody waits for ever. Of
    two that wait for each other PostgreSQL ends one, which has moved nothing then."""
    chosen = random.Random(11)

    async def some() -> None:
        for _ in range(60):
            move = chosen.choice([each for each in MOVES if each not in {"raw", "hold"}])
            await undeadlocked(database, move, chosen.randrange(10))

    await asyncio.gather(*(some() for _ in range(6)))
    assert await wrong(database) == []


async def test_what_is_held_is_not_claimed_nor_overtaken(database: Database) -> None:
    first, _, other = await add(
        database, [triggered("a1", "a"), triggered("a2", "a"), triggered("b1", "b")]
    )
    async with database.transaction() as conn:
        assert await change_queue.hold(conn, "acme", first, held=True)
        assert not await change_queue.hold(conn, "acme", first, held=True)
        assert not await change_queue.hold(conn, "globex", other, held=True)
    assert events(await claim(database)) == ["b1"]
    async with database.transaction() as conn:
        assert await change_queue.hold(conn, "acme", first, held=False)
    assert events(await claim(database)) == ["a1"]


async def test_what_is_held_while_its_saga_is_open_is_kept_when_it_comes_back(
    database: Database,
) -> None:
    (made,) = await add(database, [triggered("a1", "a")])
    await claim(database)
    async with database.transaction() as conn:
        await change_queue.started(conn, made, "run")
        await change_queue.hold(conn, "acme", made, held=True)
        assert await change_queue.requeue(conn, made, why="terminated in the Web UI") == 1
    assert events(await claim(database)) == []
    async with database.transaction() as conn:
        await change_queue.hold(conn, "acme", made, held=False)
    assert events(await claim(database)) == ["a1"]


async def test_what_lost_its_saga_is_queued_anew_with_what_that_had_taken_in(
    database: Database,
) -> None:
    """The run of the first claim is the owner no more once there is a second."""
    made, behind = await add(database, [triggered("a1", "a"), triggered("a2", "a")])
    (first,) = await claim(database)
    await write(database, "update changes set taken_in_by = %(id)s where event_id = 'a2'", id=made)
    async with database.transaction() as conn:
        await change_queue.started(conn, made, "run")
        await changes.waits(conn, "acme", made, "asking")
        assert await change_queue.requeue(conn, made, why="its run was terminated") == 1
        assert await change_queue.requeue(conn, made, why="again") is None
        view = await changes.get(conn, "acme", made)
    assert view is not None
    assert (view.state, view.run_id, view.summary) == ("pending", None, "its run was terminated")
    (second,) = await claim(database)
    assert (second.change_id, second.epoch) == (made, first.epoch + 1)
    async with database.transaction() as conn:
        await changes.settle(conn, "acme", made, outcome=ChangeOutcome.COMPLETED)
    assert [each.change_id for each in await claim(database)] == [behind]


async def test_a_claim_that_was_put_back_leaves_the_epoch_to_the_saga_that_may_run(
    database: Database,
) -> None:
    (made,) = await add(database, [triggered("a1", "a")])
    (first,) = await claim(database)
    async with database.transaction() as conn:
        await change_queue.put_back(conn, [made], reset_attempts=True)
    (second,) = await claim(database)
    assert first.epoch == second.epoch == 1


async def test_a_saga_that_waits_is_told_of_what_came_while_it_worked_once(
    database: Database,
) -> None:
    (made,) = await add(database, [triggered("a1", "a")])
    await claim(database)
    async with database.transaction() as conn:
        await change_queue.started(conn, made, "run")
    await add(database, [triggered("a2", "a"), triggered("a3", "a"), triggered("b1", "b")])

    async def to_tell() -> list[str]:
        async with database.transaction() as conn:
            waiting = await change_watch.outwaited(conn)
            for each in waiting:
                await change_watch.told(conn, each)
            return [each.change_id for each in waiting]

    assert await to_tell() == []
    for _ in range(2):
        async with database.transaction() as conn:
            await changes.waits(conn, "acme", made, "asking")
    assert await to_tell() == [made]
    async with database.transaction() as conn:
        await changes.runs(conn, "acme", made)
        await changes.waits(conn, "acme", made, "asking again")
    assert await to_tell() == []
    await add(database, [triggered("a4", "a")])
    assert await to_tell() == [made]
    assert (await states(database))["a4"] == "pending"


async def test_what_came_while_the_one_before_it_settled_is_told(database: Database) -> None:
    """The settlement had begun before, and so could not see it."""
    (made,) = await add(database, [triggered("a1", "a")])
    await claim(database)
    async with database.transaction() as conn:
        await change_queue.started(conn, made, "run")

    async def settling() -> None:
        async with database.transaction() as conn:
            await changes.settle(conn, "acme", made, outcome=ChangeOutcome.COMPLETED)

    async def waits_for_the_subject() -> bool:
        async with database.statement() as conn:
            found = await conn.execute(
                "select from pg_locks where locktype = 'advisory' and not granted"
            )
            return await found.fetchone() is not None

    async with await AsyncConnection.connect(database.dsn, autocommit=True) as listening:
        await listening.execute(f"listen {changes.CHANNEL}".encode())
        async with database.transaction() as conn:
            await change_queue.add(conn, [triggered("a2", "a")])
            late = asyncio.create_task(settling())
            await until(waits_for_the_subject, "it waits for the subject")
        await late
        told = [each.channel async for each in listening.notifies(timeout=10, stop_after=1)]
    assert told == [changes.CHANNEL]
    assert events(await claim(database)) == ["a2"]
