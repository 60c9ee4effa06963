"""The amendment saga against its limits, as ratios made in one run.

    python -m benchmarks.saga [--rounds 5] [--sagas 100]

Throughput: the saga and the same work as eight activities in a row (benchmarks.in_a_row) take
turns on one worker process, 32 in flight, vendors answering at once. Alone: one upgrade at a time,
vendors taking 50 ms. Prints a line a limit; the exit code is 1 when one is missed.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import psutil
import uvloop
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.heartbeats import Counted
from benchmarks.in_a_row_workflow import IN_A_ROW
from benchmarks.limits import Limit, told
from benchmarks.scene import Scene, scene
from benchmarks.vendors import Memory, Wire, tenant
from worker import make_worker
from workflows.names import AMENDMENT

IN_FLIGHT = 32
VENDOR_SECONDS = 0.05
ALONE = 9
_MEGABYTE = 1024 * 1024

#: What the service counts besides retries, heartbeats and tasks with local activities.
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
}


async def rate(bench: Scene, workflow: str, count: int) -> float:
    """Workflows a second, each on a subscription of its own."""
    changes = await bench.intend(await bench.subscriptions(count))
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int) -> None:
        async with free:
            await bench.finish(changes[number], workflow)

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(count)))
    return count / (time.perf_counter() - began)


async def throughput(bench: Scene, rounds: int, count: int) -> list[Limit]:
    ratios: list[float] = []
    async with bench.worker("worker") as worker:
        for workflow in (AMENDMENT, IN_A_ROW):
            await rate(bench, workflow, IN_FLIGHT)
        for number in range(rounds):
            # The order alternates, so that a machine that slows down favours neither.
            order = (AMENDMENT, IN_A_ROW) if number % 2 else (IN_A_ROW, AMENDMENT)
            rates = {workflow: await rate(bench, workflow, count) for workflow in order}
            ratios.append(rates[AMENDMENT] / rates[IN_A_ROW])
            print(
                f"  round {number + 1}: {rates[AMENDMENT]:.1f} sagas/s, "
                f"{rates[IN_A_ROW]:.1f} in a row/s, ratio {ratios[-1]:.2f}",
                file=sys.stderr,
            )
        sagas = rounds * count + IN_FLIGHT
        if sagas < 500:
            await rate(bench, AMENDMENT, 500 - sagas)
        resident = psutil.Process(worker.pid).memory_info().rss / _MEGABYTE
    return [
        Limit(
            f"saga / eight activities in a row, {IN_FLIGHT} in flight",
            statistics.median(ratios),
            2.2,
            at_least=True,
        ),
        Limit(f"worker memory after {max(sagas, 500)} sagas", resident, 300, " MB"),
    ]


def critical_path(calls: Sequence[tuple[str, float, float]]) -> int:
    """The longest chain of calls of which each began after the one before had ended."""
    length, free = 0, 0.0
    for _, began, ended in sorted(calls, key=lambda call: call[2]):
        if began >= free:
            length, free = length + 1, ended
    return length


async def alone(bench: Scene) -> list[Limit]:
    """Upgrades one by one, on a worker in this process, where the vendors' calls can be seen."""
    wire = Wire()
    known = {"acme": tenant(Memory(), wire)}
    ratios: list[float] = []
    counted = Counted()
    bench = replace(bench, client=counted.client(bench.client))
    async with make_worker(bench.client, bench.queue, bench.database, known):
        subscriptions = await bench.subscriptions(ALONE + 2)
        for change in await bench.intend(subscriptions):
            await bench.finish(change)
        wire.seconds = VENDOR_SECONDS
        for change in await bench.intend(subscriptions):
            wire.calls.clear()
            counted.beats = 0
            began = time.perf_counter()
            handle = await bench.finish(change)
            took = time.perf_counter() - began
            path = critical_path(wire.calls)
            ratios.append(took / (path * VENDOR_SECONDS))
            print(f"  alone: {took * 1000:.0f} ms, {path} calls one after another", file=sys.stderr)
    events = (await handle.fetch_history()).events
    description = (await handle.describe()).raw_description.workflow_execution_info
    return [
        Limit("one saga alone / vendor calls on its critical path", statistics.median(ratios), 1.3),
        Limit("actions of an upgrade", actions(events) + counted.beats, 7),
        Limit("history of an upgrade", description.history_size_bytes, 8192, " bytes"),
    ]


def actions(events: Sequence[HistoryEvent]) -> int:
    """What Temporal counts, but for heartbeats: https://docs.temporal.io/cloud/actions.

    Local activities count once for the workflow task that ran them, retries of activities each.
    """
    ran_locally = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    }
    tries = [
        event.activity_task_started_event_attributes.attempt
        for event in events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    retries = sum(tries) - len(tries)
    return sum(event.event_type in _ACTIONS for event in events) + len(ran_locally) + retries


async def measure(rounds: int, count: int) -> int:
    async with scene() as bench:
        return told([*await throughput(bench, rounds, count), *await alone(bench)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sagas", type=int, default=100, help="of each kind in a round")
    given = parser.parse_args()
    # As the worker of the product does; the one saga alone runs in this process.
    sys.exit(uvloop.run(measure(given.rounds, given.sagas)))


if __name__ == "__main__":
    main()
