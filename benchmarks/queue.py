"""What the queue costs when it is long, and who is served when.

    python -m benchmarks.queue [--scale 1.0]

Fills a PostgreSQL of its own with 1,000,000 settled, 100,000 pending and 100,000 waiting changes
(times `--scale`) and what lies beside them. Each statement of the worker's loops, and what people
and monitoring ask for, is run some times, and the least time counts: what a busy machine adds
is not the statement's.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
from temporalio.client import Client

from benchmarks.limits import Limit, told
from benchmarks.queue_filling import SMALL, fill, make_ready, queue_of
from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.states import ChangeOutcome, ChangeState
from connectors.governor import Governor
from dispatch.breakers import SharedBreakers
from dispatch.dispatcher import Dispatcher
from dispatch.retaining import retaining
from dispatch.sealing import Sealer
from persistence import (
    change_queue,
    change_watch,
    changes,
    inbox,
    metrics,
    processes,
    worklist,
)
from persistence.change_queue import Claim, Turns
from persistence.database import Database, migrate
from persistence.inbox import Arrival
from runtime.settings import DispatchSettings, RetentionSettings
from tests.harness.postgres import durable_server

_IN_FLIGHT = 32
_READ = [(f"t{number}", "billing") for number in range(200)]
_TIMES = 61
_LEASE = timedelta(seconds=4)
#: A saga makes seven calls of vendors in a row.
_CALL_S, _CALLS = 0.05, 7
_START_S, _IDLE_S = 15, 30


async def least_ms(act: Callable[[], Awaitable[object]], times: int = _TIMES) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await act()
        taken.append(time.perf_counter() - begun)
    return min(taken) * 1000


class Queue:
    """The statements, as the dispatcher runs them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = 0
        self.turns = Turns("bench")

    async def claim(self, most: int = _IN_FLIGHT) -> tuple[Claim, ...]:
        async with self._database.transaction() as conn:
            return await change_queue.claim(conn, in_flight=_IN_FLIGHT, most=most, turns=self.turns)

    async def settle(self, change: Claim) -> None:
        async with self._database.transaction() as conn:
            await changes.settle(
                conn, change.tenant, change.change_id, outcome=ChangeOutcome.COMPLETED
            )

    async def claimed(self, most: int = _IN_FLIGHT) -> float:
        """The least time of a claim, in ms; what was claimed is settled before the next. So many
        that all tenants have their turn more than once: the pages of a table just filled are not in
        PostgreSQL's memory, and those of changes just made are."""
        taken = []
        for _ in range(3 * _TIMES):
            begun = time.perf_counter()
            claims = await self.claim(most)
            taken.append(time.perf_counter() - begun)
            await asyncio.gather(*map(self.settle, claims))
        return min(taken) * 1000

    async def reclaim(self) -> None:
        async with self._database.transaction() as conn:
            await change_queue.reclaim(conn, lease=_LEASE, mine=[])

    async def look(self) -> None:
        async with self._database.statement() as conn:
            await worklist.read(conn, lease=_LEASE)

    async def at_work(self) -> None:
        async with self._database.transaction() as conn:
            await change_watch.at_work(conn, since=timedelta(0), after=0, limit=32)

    async def outwaited(self) -> None:
        async with self._database.transaction() as conn:
            await change_watch.outwaited(conn)

    async def untold(self) -> None:
        async with processes.unacknowledged(self._database):
            pass

    async def read_inbox(self) -> None:
        async with self._database.transaction() as conn:
            await inbox.take(conn, _READ, rows=200, size=8 << 20)

    async def add(self) -> None:
        """200 changes of 200 subjects, half of which have some already."""
        self._events += 1
        now = datetime.now(UTC)
        pairs = [
            (
                Arrival(1, "t1", "billing", "", "any", 0, now, b""),
                ChangeTrigger(
                    event_id=f"added_{self._events}_{number}",
                    subscription_id=f"w{200 * number + 1}" if number % 2 else f"new{number}",
                    customer_id=None,
                    kind=ChangeKind.OTHER,
                    occurred_at=now,
                ),
            )
            for number in range(200)
        ]
        async with self._database.transaction() as conn:
            await change_queue.add(conn, pairs)

    async def listed(self, state: ChangeState | None) -> None:
        async with self._database.transaction() as conn:
            await changes.page(conn, "t1", state=state)

    async def whole(self) -> metrics.Whole:
        async with self._database.transaction() as conn:
            return await metrics.whole(conn)

    async def scrape(self, whole: metrics.Whole) -> None:
        async with self._database.transaction() as conn:
            await metrics.read(conn, of_whole=whole)


async def statements(queue: Queue) -> list[Limit]:
    """All that waits is blocked: nothing may be claimed."""
    found = [
        Limit("claim where all that is pending is blocked", await queue.claimed(), 5, " ms"),
        *[
            Limit(name, await least_ms(act), 20, " ms")
            for name, act in (
                ("an idle look", queue.look),
                ("claims to take over", queue.reclaim),
                ("sagas that should be open", queue.at_work),
                ("sagas to tell of newer changes", queue.outwaited),
                ("processes to tell", queue.untold),
                ("the inbox, nothing new", queue.read_inbox),
            )
        ],
        Limit("200 events become changes", await least_ms(queue.add, 5), 400, " ms"),
    ]
    for state in (*ChangeState, None):
        took = await least_ms(partial(queue.listed, state))
        found.append(Limit(f"list, state {state or 'any'}", took, 20, " ms"))
    whole = await queue.whole()
    return [
        *found,
        Limit("a scrape", await least_ms(lambda: queue.scrape(whole), 5), 100, " ms"),
        Limit(
            "counts over whole tables, once a minute", await least_ms(queue.whole, 3), 3000, " ms"
        ),
    ]


async def fairness(queue: Queue, dsn: str) -> list[Limit]:
    """One tenant has 5,000 changes in the queue and all places; how long another's single one
    waits, in calls of a vendor, and what bulk gets beside live changes that never end."""
    await asyncio.to_thread(queue_of, dsn, "big", 4000, lane=change_queue.LIVE)
    await asyncio.to_thread(queue_of, dsn, "big", 1000, lane=change_queue.BULK)
    queue.turns = Turns("fair", reserved=_IN_FLIGHT // 8)
    begun: dict[str, float] = {}
    lanes: list[int] = []
    open_: set[asyncio.Task[None]] = set()

    async def saga(change: Claim) -> None:
        begun[change.tenant] = time.perf_counter()
        await asyncio.sleep(_CALL_S * _CALLS)
        await queue.settle(change)

    waits = []
    for _ in range(3):
        until = time.perf_counter() + 3
        asked = 0.0
        begun.pop(SMALL, None)
        while time.perf_counter() < until:
            claims = await queue.claim()
            lanes += [each.lane for each in claims if each.tenant == "big"]
            open_ |= {asyncio.create_task(saga(each)) for each in claims}
            if not asked and until - time.perf_counter() < 2:
                await asyncio.to_thread(queue_of, dsn, SMALL, 1, lane=change_queue.LIVE)
                asked = time.perf_counter()
            await asyncio.sleep(0.005)
            open_ = {task for task in open_ if not task.done()}
        waits.append((begun[SMALL] - asked) / _CALL_S)
    await asyncio.gather(*open_)
    share = 100 * lanes.count(change_queue.BULK) / len(lanes)
    return [
        Limit("another tenant's change waits, in calls of a vendor", max(waits), 2),
        Limit("share of bulk beside live changes", share, 6, " %", at_least=True),
    ]


async def idle(dsn: str) -> float:
    """Transactions a second of a worker that has nothing to do: its dispatcher with all its looks,
    its sealer, what it shares of its breakers, and what it drops."""
    # Its transactions would be counted too.
    await asyncio.to_thread(_autovacuum, dsn, "off")
    database = Database(dsn, ping=False)
    client = await Client.connect("127.0.0.1:1", lazy=True)
    sealer = Sealer(database)
    dispatcher = Dispatcher(
        DispatchSettings(), database, client, {}, task_queue="bench", written=sealer.wake
    )
    governors = {("t1", name): Governor(name) for name in ("billing", "erp", "support")}
    breakers = SharedBreakers(database, governors, away_minutes=5)
    without = await _counted(dsn)
    running = [
        asyncio.create_task(each)
        for each in (
            dispatcher.run(),
            sealer.run(),
            breakers.run(),
            retaining(database, RetentionSettings()),
        )
    ]
    try:
        # What is done once, at the start, is over by then, and told: an idle session does so after
        # ten seconds.
        await asyncio.sleep(_START_S)
        return (await _counted(dsn) - without) / _IDLE_S
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await database.close()
        await asyncio.to_thread(_autovacuum, dsn, "on")


async def _counted(dsn: str) -> int:
    before = await asyncio.to_thread(_transactions, dsn)
    await asyncio.sleep(_IDLE_S)
    return await asyncio.to_thread(_transactions, dsn) - before


def _autovacuum(dsn: str, switch: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"alter system set autovacuum = {switch}".encode())
        connection.execute("select pg_reload_conf()")


def _transactions(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Sessions report what they have done at the end of a transaction, at most once a second.
        found = connection.execute(
            "select xact_commit + xact_rollback from pg_stat_database where datname = "
            "current_database()"
        ).fetchone()
    return int(found[0]) if found else 0


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, ping=False)
    try:
        yield database
    finally:
        await database.close()


async def measured(dsn: str, scale: float) -> list[Limit]:
    await migrate(dsn)
    found = [Limit("transactions of an idle worker", await idle(dsn), 1, "/s")]
    await asyncio.to_thread(fill, dsn, scale)
    async with opened(dsn) as database:
        queue = Queue(database)
        found += await statements(queue)
        await asyncio.to_thread(make_ready, dsn)
        found.append(Limit("claim of 32, all ready, 200 tenants", await queue.claimed(), 5, " ms"))
        found.append(Limit("claim of one", await queue.claimed(most=1), 5, " ms"))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("truncate changes")
    async with opened(dsn) as database:
        found += await fairness(Queue(database), dsn)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    with durable_server() as server:
        return told(asyncio.run(measured(server.dsn("postgres"), given.scale)))


if __name__ == "__main__":
    sys.exit(main())
