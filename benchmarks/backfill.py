"""A backfill of many beside live changes: what these notice of it, and what it gets.

    python -m benchmarks.backfill [--items 50000] [--turns 5] [--seconds 25]

The worker as it is, dispatcher included, on a real Temporal server and PostgreSQL with its durable
defaults. Each vendor takes so many calls at once, refuses what is more, and answers after a while;
its governor finds that out. Live changes come at an even pace, turn after turn with the backfill at
work and paused, in alternating order; turns need not finish its items. A live change lasts from
when its webhook is kept to when its saga has closed.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
import uvloop

from activities.tenants import Tenant
from benchmarks.limits import Limit, told
from benchmarks.scene import Scene, scene
from benchmarks.vendors import Memory, Wire, account, tenant
from benchmarks.whole import Whole, whole
from canonical_models.backfill import Backfilling, BackfillSubject, Selection
from canonical_models.batch import Batch, BatchKind, ItemOutcome
from canonical_models.failures import TransientFailure
from connectors.governor import Governor, in_bulk
from persistence import batches
from tests.harness.waiting import until
from workflows.names import change_workflow_id

_TENANT, _BATCH = "acme", "bfl_bench"
_PLACES, _ANSWER_S = 8, 0.15
#: Live changes a second.
_PACE = 2.0
#: Customers of the backfill have numbers of their own.
_FIRST = 1_000_000
_DRAINED_S = 120

_LIST = """
select 'sub_' || n as key, jsonb_build_object('customer', 'cus_' || n) as given
from generate_series(%(first)s::int, %(last)s::int) n order by n
"""

_ACCOUNTS = """
insert into mappings (tenant, kind, source, target, valid_from, set_by)
select 'acme', 'account', 'cus_' || n,
  replace(%s, %s, n::text)::jsonb, now() - interval '1 day', 'bench'
from generate_series(%s::int, %s::int) n
"""


@dataclass
class Governed(Wire):
    """Three vendors, each of which takes so many calls at once. `used` are seconds of places, by
    vendor and by whether it was done in bulk."""

    governors: dict[str, Governor] = field(
        default_factory=lambda: {
            name: Governor(name, start=8) for name in ("billing", "erp", "support")
        }
    )
    busy: Counter[str] = field(default_factory=Counter)
    used: dict[tuple[str, bool], float] = field(default_factory=lambda: defaultdict(float))
    refused: int = 0

    async def call(self, name: str) -> None:
        vendor, _, what = name.partition(".")
        writes = what in ("post", "publish", "record_sync")
        async with self.governors[vendor].call(vendor, writes=writes) as call:
            if self.busy[vendor] >= _PLACES:
                self.refused += 1
                call.answered(429)
                raise TransientFailure(f"{vendor} is busy", system=vendor, retry_after=0.2)
            self.busy[vendor] += 1
            began = time.perf_counter()
            try:
                await asyncio.sleep(_ANSWER_S)
            finally:
                self.busy[vendor] -= 1
                self.used[vendor, in_bulk()] += time.perf_counter() - began
            call.answered(200)


@dataclass
class Bench:
    of: Scene
    at_work: Whole
    wire: Governed

    async def begin(self, items: int) -> None:
        """The whole list, paused."""
        template = account(0).model_dump_json().replace("cus_0", "cus_{n}").replace("C-0", "C-{n}")
        given = Backfilling(selection=Selection(subject=BackfillSubject.HISTORY), rehearsal=False)
        last = _FIRST + items - 1
        async with self.of.database.transaction() as conn:
            await conn.execute(_ACCOUNTS, (template, "{n}", _FIRST, last))
            await batches.begin(
                conn,
                _TENANT,
                _BATCH,
                BatchKind.BACKFILL,
                subject="apply",
                given=given.model_dump(mode="json"),
                by="bench",
            )
            listed = await batches.add_found(
                conn, _TENANT, _BATCH, _LIST, {"first": _FIRST, "last": last}
            )
            await batches.pause(conn, _TENANT, _BATCH, "it begins with a turn")
        if listed != items:
            raise RuntimeError(f"{listed} of {items} are on the list")

    async def resume(self) -> None:
        async with self.of.database.transaction() as conn:
            await batches.resume(conn, _TENANT, _BATCH)

    async def pause(self) -> None:
        """Until nothing of it is under way."""
        async with self.of.database.transaction() as conn:
            await batches.pause(conn, _TENANT, _BATCH, "it has had its turn")
        await until(self._drained, "nothing is under way", seconds=_DRAINED_S, every=0.5)

    async def _drained(self) -> bool:
        async with self.of.database.statement() as conn:
            open_ = await conn.execute("select count(*) from changes where state <> 'settled'")
            row = await open_.fetchone()
        return row == (0,)

    async def batch(self) -> Batch:
        async with self.of.database.statement() as conn:
            found = await batches.get(conn, _TENANT, _BATCH)
        if found is None:
            raise RuntimeError("the batch was not begun")
        return found

    async def live(self, seconds: float) -> list[float]:
        """How long each change lasted that came within so many seconds, at an even pace."""
        names = await self.of.subscriptions(int(seconds * _PACE))
        kept: dict[str, float] = {}
        began = time.perf_counter()
        for number, of in enumerate(names):
            await asyncio.sleep(max(0.0, began + number / _PACE - time.perf_counter()))
            kept[of] = time.time()
            await self.at_work.tell(of, f"in_{of.removeprefix('sub_')}_starter")
        return [await self._closed(of) - at for of, at in kept.items()]

    async def _closed(self, subscription: str) -> float:
        await self.at_work.done(subscription)
        name = change_workflow_id(_TENANT, subscription)
        run = await self.of.client.get_workflow_handle(name).describe()
        closed: datetime | None = run.close_time
        if closed is None:
            raise RuntimeError(f"{name} has not closed")
        return closed.timestamp()


@dataclass(frozen=True)
class Turn:
    """`p95` in seconds; `share` is what bulk got of the vendor that it needs most, in percent of
    what that can do; `through` are all items that were handed over so far."""

    p95: float
    share: float
    through: int


async def turn(bench: Bench, seconds: float, *, backfill: bool) -> Turn:
    before = bench.wire.used.copy()
    if backfill:
        await bench.resume()
        # What is measured is its going on.
        await asyncio.sleep(3)
        before = bench.wire.used.copy()
    began = time.perf_counter()
    lasted = await bench.live(seconds)
    took = time.perf_counter() - began
    got = max(
        bench.wire.used[vendor, True] - before[vendor, True] for vendor in bench.wire.governors
    )
    if backfill:
        await bench.pause()
    found = await bench.batch()
    p95 = statistics.quantiles(lasted, n=20)[-1]
    return Turn(p95, 100 * got / (_PLACES * took), found.total - found.count(ItemOutcome.NOT_BEGUN))


def governed(wire: Governed) -> Tenant:
    return replace(tenant(Memory(), wire), governors=wire.governors)


async def measured(items: int, turns: int, seconds: float) -> list[Limit]:
    wire = Governed()
    async with scene() as of, whole(of, wire=wire, known=governed(wire)) as at_work:
        bench = Bench(of, at_work, wire)
        await bench.begin(items)
        # What both have to learn of the vendors.
        await bench.live(seconds / 2)
        ratios, shares = [], []
        for number in range(turns):
            found: dict[bool, Turn] = {}
            for backfill in (number % 2 == 0, number % 2 == 1):
                found[backfill] = await turn(bench, seconds, backfill=backfill)
            alone, beside = found[False], found[True]
            ratios.append(beside.p95 / alone.p95)
            shares.append(beside.share)
            print(
                f"  turn {number + 1}: live p95 {alone.p95:.2f} s alone, {beside.p95:.2f} s beside "
                f"the backfill, which got {beside.share:.0f} % and has handed {beside.through} of "
                f"{items} over; {wire.refused} calls were refused so far",
                file=sys.stderr,
            )
        return [
            Limit("live p95 beside a backfill / without", statistics.median(ratios), 1.25),
            Limit(
                "what a backfill gets of a vendor beside live changes",
                min(shares),
                10,
                " %",
                at_least=True,
            ),
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=25)
    given = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(40),
    )
    return told(uvloop.run(measured(given.items, given.turns, given.seconds)))


if __name__ == "__main__":
    sys.exit(main())
