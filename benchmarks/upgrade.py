"""What one upgrade costs, from the webhook to the change that is settled; and the three events by
which billing tells one that it invoices and collects at once.

    python -m benchmarks.upgrade [--upgrades 10]

The product's worker runs in this process, dispatcher included; events go into the inbox as the API
puts them there. PostgreSQL's log tells statements and commits, Temporal's histories the actions,
and the vendors' wire the calls. What an idle worker does in the same time is taken off. The exit
code is 1 when a limit is missed.
"""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.limits import Limit, told
from benchmarks.saga import actions
from benchmarks.scene import Scene, scene
from benchmarks.whole import Whole, whole

#: The vendors' writes of an upgrade: the document, support, the sync metadata.
_WRITES = 3
#: As the policy's default: so long the events of one act are gathered.
_SETTLING_S = 0.3
#: What PostgreSQL logs of a statement, beginning with its session.
_LOGGED = re.compile(rb"^(\d+) LOG:  (?:statement|execute \S+): (\w*)", re.MULTILINE)
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
    """Reads PostgreSQL's log, which holds every statement."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def read(self) -> tuple[int, int]:
        """(statements, commits) until now; `begin` and `commit` are no statements."""
        statements = commits = 0
        within = set()
        for session, word in _LOGGED.findall(self._log.read_bytes()):
            if word.upper() == b"BEGIN":
                within.add(session)
            elif word.upper() in (b"COMMIT", b"ROLLBACK"):
                within.discard(session)
                commits += 1
            else:
                statements += 1
                commits += session not in within
        return statements, commits

    async def idle(self) -> tuple[float, float]:
        """(statements, commits) a second."""
        before = self.read()
        await asyncio.sleep(_IDLE_S)
        after = self.read()
        return (after[0] - before[0]) / _IDLE_S, (after[1] - before[1]) / _IDLE_S


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
    logging = ("log_statement=all", "log_line_prefix=%p ")
    async with scene(*logging) as bench, whole(bench, settling={"acme": _SETTLING_S}) as working:
        async with bench.database.statement() as conn:
            asked = await conn.execute("show data_directory")
            counts = Counts(Path((await asked.fetchall())[0][0]).parent / "log")

        async def three(subscription: str) -> None:
            number = subscription.removeprefix("sub_")
            documents = (None, f"in_{number}_pro", f"in_{number}_pro")
            await asyncio.gather(*(working.tell(subscription, named) for named in documents))

        one = await cost(bench, working, counts, working.tell, upgrades)
        act = await cost(bench, working, counts, three, upgrades)
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
