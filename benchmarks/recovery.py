"""How soon the sagas of a worker that was killed go on at another.

    python -m benchmarks.recovery [--rounds 3] [--sagas 24]

Two worker processes share the sagas, vendors take 200 ms a call. One is killed with SIGKILL while
all sagas are under way; for each saga the time until its next task begins at the other is read
from its history, and the ledger says when the writes that were under way were confirmed. Prints the
slowest of all; the exit code is 1 when that is over the limit.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.limits import Limit, told
from benchmarks.scene import Handle, Scene, scene

VENDOR_SECONDS = "0.2"
#: Into a saga of about 1.4 seconds.
_UNDER_WAY_SECONDS = 0.7


def resumed(events: Sequence[HistoryEvent], killed: float, pid: int) -> float | None:
    """Seconds from the kill to the first task that began elsewhere and that the history shows.

    None where no task was left to begin: the saga had closed by then, or the other worker had its
    last one in hand.
    """
    return min(
        (
            at - killed
            for event in events
            if (at := event.event_time.ToNanoseconds() / 1e9) > killed and _begins(event, pid)
        ),
        default=None,
    )


def _begins(event: HistoryEvent, pid: int) -> bool:
    """A worker's identity is its process id and host."""
    dead = f"{pid}@"
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            return not event.workflow_task_started_event_attributes.identity.startswith(dead)
        case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            return not event.activity_task_started_event_attributes.identity.startswith(dead)
        case _:
            return False


async def under_way(bench: Scene) -> list[str]:
    """Of either worker, by their keys in the effect ledger."""
    async with bench.database.statement() as conn:
        found = await conn.execute("select key from effects where state = 'attempting'")
        return [row[0] for row in await found.fetchall()]


async def confirmed(bench: Scene, keys: list[str]) -> float:
    """When the last of them was, in seconds since the epoch."""
    async with bench.database.statement() as conn:
        found = await conn.execute(
            "select max(extract(epoch from confirmed_at))::float8 from effects where key = any(%s)",
            (keys,),
        )
        row = await found.fetchone()
    return float(row[0]) if row and row[0] else 0.0


async def round_(bench: Scene, number: int, count: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as shelf:
        options = ("--seconds", VENDOR_SECONDS, "--shelf", shelf)
        async with (
            bench.worker(f"worker-{number}-killed", *options) as first,
            bench.worker(f"worker-{number}-other", *options),
        ):
            # Both have done some before, as workers have.
            for change in await bench.intend(await bench.subscriptions(4)):
                await bench.finish(change)
            changes = await bench.intend(await bench.subscriptions(count))
            handles: list[Handle] = await asyncio.gather(*map(bench.start, changes))
            await asyncio.sleep(_UNDER_WAY_SECONDS)
            killed = time.time()
            os.kill(first.pid, signal.SIGKILL)
            writes = await under_way(bench)
            async with asyncio.timeout(60):
                await asyncio.gather(*(handle.result() for handle in handles))
        histories = [(await handle.fetch_history()).events for handle in handles]
    print(
        f"  round {number + 1}: {len(writes)} writes under way at the kill, the last confirmed "
        f"{await confirmed(bench, writes) - killed:.2f} s after it",
        file=sys.stderr,
    )
    times = [resumed(events, killed, first.pid) for events in histories]
    return sorted(seconds for seconds in times if seconds is not None)


async def measure(rounds: int, count: int) -> int:
    slowest = 0.0
    async with scene() as bench:
        for number in range(rounds):
            seconds = await round_(bench, number, count)
            slowest = max(slowest, *seconds)
            print(
                f"  round {number + 1}: {len(seconds)} open at the kill, next task after "
                f"{seconds[0]:.2f} to {seconds[-1]:.2f} s",
                file=sys.stderr,
            )
    return told([Limit("work resumes after SIGKILL of a worker", slowest, 4.0, " s")])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sagas", type=int, default=24)
    given = parser.parse_args()
    sys.exit(asyncio.run(measure(given.rounds, given.sagas)))


if __name__ == "__main__":
    main()
