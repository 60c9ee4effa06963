"""The amendment's own steps as a DBOS workflow, for a comparison.

    python -m benchmarks.dbos_worker DSN SYSTEM_DSN

Says `{"ready": true}` on stdout, then answers each line of stdin, a JSON list of ids of changes,
with the seconds that their sagas took, 32 in flight. Ends with its stdin.

DBOS as it comes: its durable defaults, on the same server in a database of its own, no conductor
and no telemetry. Workflows are started in the process that runs them, which is the shortest way
that DBOS has; by a queue they would wait for its next look.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvloop
from dbos import DBOS, DBOSConfig, SetWorkflowID

from activities.amendment import Amendment
from activities.books import Books
from activities.contracts.amendment import DocumentInput, Posted, Prepared, Settled, StepInput
from benchmarks.saga import IN_FLIGHT
from benchmarks.vendors import Memory, Wire, tenant
from persistence.database import Database

#: As workflows/policies.py, RETRY; without its end.
_RETRIED: dict[str, Any] = {"retries_allowed": True, "interval_seconds": 0.5, "max_attempts": 100}


class Steps(Amendment):
    async def plan(self, step: StepInput, run_id: str) -> Prepared:
        """What `prepare` does, whose run Temporal tells."""
        return await self._preparation.of_subscription(self._tenants[step.tenant], step, run_id)


Saga = Callable[[str], Awaitable[Settled]]


def amendment(steps: Steps, books: Books) -> Saga:
    """The saga of workflows/amendment.py when all is well: the same functions in the same order."""

    @DBOS.step(**_RETRIED)
    async def prepare(given: StepInput, run_id: str) -> Prepared:
        return await steps.plan(given, run_id)

    @DBOS.step(**_RETRIED)
    async def post_document(given: DocumentInput) -> Posted:
        return await books.post_document(given)

    @DBOS.step(**_RETRIED)
    async def entitle(given: StepInput) -> None:
        await steps.entitle(given)

    @DBOS.step(**_RETRIED)
    async def settle(given: StepInput) -> Settled:
        return await steps.settle(given)

    @DBOS.workflow(name="amendment")
    async def run(change_id: str) -> Settled:
        given = StepInput(tenant="acme", change_id=change_id)
        plan = await prepare(given, change_id)
        given = given.model_copy(update={"digest": plan.digest})

        async def post_all() -> None:
            for document in plan.documents:
                await post_document(DocumentInput(step=given, document_id=document.document_id))

        await asyncio.gather(post_all(), entitle(given))
        return await settle(given)

    return run


async def rate(saga: Saga, changes: list[str]) -> float:
    """Seconds."""
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(change_id: str) -> None:
        async with free:
            with SetWorkflowID(change_id):
                settled = await saga(change_id)
        if settled.outcome != "completed":
            raise RuntimeError(f"{change_id}: {settled.outcome}")

    began = time.perf_counter()
    await asyncio.gather(*map(one, changes))
    return time.perf_counter() - began


async def work(dsn: str, system_dsn: str) -> None:
    known = {"acme": tenant(Memory(), Wire())}
    database = Database(dsn, ping=False)
    config: DBOSConfig = {
        "name": "benchmark",
        "system_database_url": system_dsn,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    saga = amendment(Steps(database, known), Books(database, known))
    DBOS.launch()
    print('{"ready": true}', flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"seconds": await rate(saga, json.loads(line))}), flush=True)
    DBOS.destroy()
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("system_dsn")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    given = parser.parse_args()
    uvloop.run(work(given.dsn, given.system_dsn))


if __name__ == "__main__":
    main()
