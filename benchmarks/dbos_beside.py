"""The saga against the very same steps run by DBOS, on one PostgreSQL server.

    python -m benchmarks.dbos_beside [--turns 7] [--sagas 100]

Activations of new subscriptions with their first invoice, vendors answering at once, 32 in flight,
one process each, which also starts them: as the worker's dispatcher does, and as DBOS is quickest.
The two take turns, in alternating order; the median of the ratios counts. The exit code is 1 when
it is under the limit.
"""

import argparse
import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop

from benchmarks.limits import Limit, told
from benchmarks.saga import IN_FLIGHT, rate
from benchmarks.scene import Scene, scene
from benchmarks.vendors import Memory, Wire, tenant
from persistence.database import Database
from worker import make_worker
from workflows.names import AMENDMENT


@asynccontextmanager
async def dbos(bench: Scene) -> AsyncIterator[Process]:
    """A process of benchmarks.dbos_worker; ended after the block."""
    dsn = bench.database.dsn
    system = dsn.replace("/postgres?", "/dbos_system?")
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.dbos_worker", dsn, system), stdin=PIPE, stdout=PIPE
    )
    try:
        await answer(process)
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def answer(process: Process) -> dict[str, float]:
    assert process.stdout is not None
    async with asyncio.timeout(120):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the worker of DBOS has ended: see above")
    found: dict[str, float] = json.loads(line)
    return found


async def rate_of_dbos(bench: Scene, process: Process, count: int) -> float:
    """Sagas a second, each on a subscription of its own."""
    changes = await bench.intend(await bench.subscriptions(count))
    assert process.stdin is not None
    process.stdin.write(json.dumps([change.change_id for change in changes]).encode() + b"\n")
    return count / (await answer(process))["seconds"]


async def measure(turns: int, count: int) -> int:
    ratios: list[float] = []
    async with scene() as bench, dbos(bench) as process:
        database = Database(bench.database.dsn, ping=False)
        known = {"acme": tenant(Memory(), Wire())}
        async with make_worker(bench.client, bench.queue, database, known):
            await rate(bench, AMENDMENT, IN_FLIGHT)
            await rate_of_dbos(bench, process, IN_FLIGHT)
            for turn in range(turns):
                # The order alternates, so that a machine that slows down favours neither.
                if turn % 2:
                    ours = await rate(bench, AMENDMENT, count)
                    theirs = await rate_of_dbos(bench, process, count)
                else:
                    theirs = await rate_of_dbos(bench, process, count)
                    ours = await rate(bench, AMENDMENT, count)
                ratios.append(ours / theirs)
                print(
                    f"  turn {turn + 1}: {ours:.1f} sagas/s, {theirs:.1f} by DBOS, "
                    f"ratio {ratios[-1]:.2f}",
                    file=sys.stderr,
                )
        await database.close()
    name = f"saga / the same steps run by DBOS, {IN_FLIGHT} in flight"
    return told([Limit(name, statistics.median(ratios), 0.85, at_least=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--sagas", type=int, default=100, help="of each in a turn")
    given = parser.parse_args()
    sys.exit(uvloop.run(measure(given.turns, given.sagas)))


if __name__ == "__main__":
    main()
