"""What pages of the console cost when much waits: their median time, and how often they wait for
rows of the database.

    python -m benchmarks.console [--cases 100000]

Fills a PostgreSQL of its own as `benchmarks.cases` does, half of it beside kinds that are answered
as a sheet, and asks the console's application for each page, signed in as somebody of finance, some
times in turn. The time is from the request to the whole page, in this process: without a network.
"""

import argparse
import asyncio
import sys
import time
from statistics import median

import httpx

from benchmarks.cases import fill
from benchmarks.limits import Limit, told
from canonical_models.acts import Role
from operations import causes, exceptions
from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database, migrate
from tests.api.conftest import no_temporal
from tests.console.office import at_desk, console_of
from tests.harness.postgres import durable_server
from tests.harness.round_trips import counted

_TIMES, _MILLISECONDS, _WAITS = 15, 150, 6


async def pages(context: AppContext) -> list[str]:
    """Of the largest there are."""
    newest = (await exceptions.list_(context, "acme", limit=10)).items
    due = (await causes.list_(context, "acme")).items
    return [
        "/acme/work?team=all",
        "/acme/work?team=support&who=none",
        f"/acme/causes/{newest[-1].cause_id}?whole=true",
        f"/acme/causes/{due[0].cause_id}?whole=true",
        f"/acme/cases/{newest[0].exception_id}",
        "/acme/approvals",
        "/acme/kinds/items",
        "/acme/kinds/customers",
        "/acme/differences",
        "/acme/accounts",
        "/acme/backfills",
        "/acme/numbers",
        "/acme/numbers/resolution?days=90",
        "/acme/batches",
        "/acme/connections",
    ]


async def measured(browser: httpx.AsyncClient, path: str) -> list[Limit]:
    with counted() as trips:
        answer = await browser.get(path)
    answer.raise_for_status()
    times = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        await browser.get(path)
        times.append((time.perf_counter() - begun) * 1000)
    return [
        Limit(path, median(times), _MILLISECONDS, " ms"),
        Limit(f"{path}, waits for rows", len(trips), _WAITS),
    ]


async def run(dsn: str, cases: int) -> int:
    await migrate(dsn)
    await asyncio.to_thread(fill, dsn, cases)
    database = Database(dsn)
    context = AppContext(database, Engine(no_temporal, namespace="default", ui=None), {})
    try:
        async with at_desk(console_of(context), "fay", role=Role.FINANCE) as browser:
            paths = await pages(context)
            limits = [each for path in paths for each in await measured(browser, path)]
    finally:
        await database.close()
    return told(limits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    given = parser.parse_args()
    with durable_server() as server:
        return asyncio.run(run(server.dsn("postgres"), given.cases))


if __name__ == "__main__":
    sys.exit(main())
