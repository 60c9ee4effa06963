"""What one upgrade costs, from the webhook to the change that is settled; and the three events by
which billing tells one that it invoices and collects at once.

    python -m benchmarks.upgrade [--upgrades 10]

The product's worker runs in this process, dispatcher included; events go into the inbox as the API
puts them there. PostgreSQL counts statements (pg_stat_statements, without `begin` and `commit`) and
commits, Temporal's histories the actions, and the vendors' wire their calls. What an idle worker
does in the same time is taken off. The exit code is 1 when a limit is missed.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
import uvloop

from benchmarks.limits import Limit, told
from benchmarks.saga import actions
from benchmarks.scene import Scene, scene
from benchmarks.whole import Whole, whole

_STATEMENTS = (
    "select coalesce(sum(calls), 0)::float8 from pg_stat_statements where toplevel "
    "and query !~* '^(begin|commit|rollback|select (pg_stat|xact|coalesce.sum.calls))'"
)
_COMMITS = "select xact_commit::float8 from pg_stat_database where datname = current_database()"
#: The vendors' writes of an upgrade: the document, support, the mark.
_WRITES = 3
#: As the policy's default: so long the events of one act are gathered.
_SETTLING_S = 0.3
#: Sessions tell their counts at the end of a transaction, at most once a second, or when they have
#: been idle for ten.
_TOLD_S = 11
_IDLE_S = 10.0
_EVENTS = 3


@dataclass(frozen=True)
class Cost:
    """Of one upgrade."""

    runs: float
    actions: float
    statements: float
    commits: float
    calls: float


class Counts:
    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.execute("create extension if not exists pg_stat_statements")

    def read(self) -> tuple[float, float]:
        return self._one(_STATEMENTS), self._one(_COMMITS)

    def _one(self, query: str) -> float:
        row = self._connection.execute(query.encode()).fetchone()
        return float(row[0]) if row else 0.0

    async def idle(self) -> tuple[float, float]:
        """(statements, commits) a second."""
        await asyncio.sleep(_TOLD_S)
        before = self.read()
        await asyncio.sleep(_IDLE_S)
        after = self.read()
        return (after[0] - before[0]) / _IDLE_S, (after[1] - before[1]) / _IDLE_S

    def close(self) -> None:
        self._connection.close()


async def cost(
    bench: Scene,
    working: Whole,
    counts: Counts,
    tell: Callable[[str], Awaitable[None]],
    upgrades: int,
) -> Cost:
    """New subscriptions are activated, then upgraded one after the other."""
    subscriptions = await bench.subscriptions(upgrades)
    for subscription in subscriptions:
        await working.tell(subscription)
        await working.done(subscription)
    idle = await counts.idle()
    working.wire.names.clear()
    before, began = counts.read(), time.perf_counter()
    histories = []
    for subscription in subscriptions:
        first = await working.done(subscription)
        await tell(subscription)
        await working.done(subscription, first)
        # Late ones of the act have their run by then, if they need one.
        await asyncio.sleep(2 * _SETTLING_S)
        histories.append(await working.histories(subscription, first))
    await asyncio.sleep(_TOLD_S)
    after, took = counts.read(), time.perf_counter() - began
    statements, commits = ((after[at] - before[at] - took * idle[at]) / upgrades for at in range(2))
    runs = [run for found in histories for run in found]
    return Cost(
        runs=len(runs) / upgrades,
        actions=sum(map(actions, runs)) / upgrades,
        statements=statements,
        commits=commits,
        calls=len(working.wire.names) / upgrades,
    )


async def measure(upgrades: int) -> int:
    loaded = "shared_preload_libraries=pg_stat_statements"
    async with scene(loaded) as bench, whole(bench, settling={"acme": _SETTLING_S}) as working:
        counts = Counts(bench.database.dsn)

        async def three(subscription: str) -> None:
            number = subscription.removeprefix("sub_")
            documents = (None, f"in_{number}_pro", f"in_{number}_pro")
            await asyncio.gather(*(working.tell(subscription, named) for named in documents))

        one = await cost(bench, working, counts, working.tell, upgrades)
        act = await cost(bench, working, counts, three, upgrades)
        counts.close()
    for name, seen in (("one event", one), ("three events", act)):
        print(f"  {name}: {seen}", file=sys.stderr)
    return told(
        [
            Limit("statements of an upgrade", one.statements, 30),
            Limit("commits of an upgrade", one.commits, 6 + 3 * _WRITES),
            Limit(f"runs of the {_EVENTS} events of one act", act.runs, 1),
            *(
                Limit(
                    f"{what} of the {_EVENTS} events of one act / of one event",
                    getattr(act, what) / getattr(one, what),
                    1.3,
                )
                for what in ("actions", "statements", "calls")
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrades", type=int, default=10)
    given = parser.parse_args()
    sys.exit(uvloop.run(measure(given.upgrades)))


if __name__ == "__main__":
    main()
