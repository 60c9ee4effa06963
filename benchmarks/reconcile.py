"""What it takes to lay all systems of a tenant beside each other.

    python -m benchmarks.reconcile [--subscriptions 1000000]

Fills a PostgreSQL of its own with the facts and records of so many subscriptions, each with a
document in billing and in the ERP that two months earn, an effect and a payment of it in our own
records, an account, a state that was agreed, and an organisation at support; one in a thousand
differs in each. Then it is compared by the worker's own activities, with what they close, count and
leave out, at a tenth and whole: what grows with the number must not grow faster. What a first
reading and a later one cost is asked of the adapters, from vendors that make their pages up; hours
are at the rates that vendors document.
"""

import argparse
import asyncio
import resource
import secrets
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from activities.contracts.reconciliation import (
    ComparePart,
    Part,
    ReconcileEnd,
    ReconcileInput,
    ReconcileRun,
)
from activities.reconciliation import Reconciling
from activities.tenants import Tenant
from benchmarks.limits import Limit, told
from benchmarks.reconcile_filling import APART, DIFFERING_IN, fill
from benchmarks.reconcile_reading import requests_of
from benchmarks.vendors import Memory, Wire, tenant
from canonical_models.policy import TenantPolicy
from canonical_models.reconciliation import Reconciled
from persistence.database import Database, migrate
from tests.harness.postgres import durable_server

#: Requests of a whole account an hour: https://docs.stripe.com/rate-limits (100 a second) and
#: https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
#: (10 a minute). Tryton documents none.
_AN_HOUR = {"billing": 100 * 3600, "support": 10 * 60}
#: A quarter of a machine of 16 GB, as docs/configuration.md asks for.
_MEMORY = "shared_buffers=4GB"
#: What is compared, in the order of the workflow.
_PARTS: tuple[tuple[Part, str], ...] = (
    ("documents", ""),
    ("unknown", "LE-DE"),
    ("receivables", ""),
    ("revenue", ""),
    ("entries", "LE-DE"),
    ("subscriptions", ""),
    ("support", ""),
)


async def compared(database: Database) -> tuple[float, int, int]:
    """Seconds of all that the activities of a comparison do, once every system is read: rows looked
    at, and differences that are open afterwards."""
    work = Reconciling(database, {"acme": _tenant()})
    run = ReconcileRun(
        run_id=secrets.token_hex(4), given=ReconcileInput(tenant="acme", asked_by="bench")
    )
    begun, looked_at = time.perf_counter(), 0
    await work.begin(run)
    for part, place in _PARTS:
        asked: ComparePart | None = ComparePart(run=run, part=part, place=place)
        part_begun = time.perf_counter()
        while asked is not None:
            done = await work.compare(asked)
            looked_at += done.looked_at
            after = done.after
            asked = None if after is None else asked.model_copy(update={"after": after})
        print(f"  {part}: {time.perf_counter() - part_begun:.1f} s", flush=True)
    part_begun = time.perf_counter()
    await work.to_look_up(run)
    result = await work.end(ReconcileEnd(run=run, result=Reconciled(run_id=run.run_id)))
    print(f"  what it came to: {time.perf_counter() - part_begun:.1f} s", flush=True)
    return time.perf_counter() - begun, looked_at, result.differences


def _tenant() -> Tenant:
    """Nothing is asked of its systems: they were read."""
    made = tenant(Memory(), Wire())
    policy = TenantPolicy(time_zone="Europe/Berlin")
    return replace(made, books_from=datetime(2026, 1, 1, tzinfo=UTC), policy=policy)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measured(subscriptions: int) -> list[Limit]:
    rates, peaks, wrong = [], [], 0
    for count in (subscriptions // 10, subscriptions):
        with durable_server(_MEMORY) as server:
            dsn = server.dsn("postgres")
            await migrate(dsn)
            with psycopg.connect(dsn, autocommit=True) as plain:
                fill(plain, count)
            database = Database(dsn, pool_size=2)
            try:
                seconds, looked_at, found = await compared(database)
            finally:
                await database.close()
        rates.append(count / seconds)
        peaks.append(peak_mb())
        wrong += abs(found - APART * len(range(0, count, DIFFERING_IN)))
        print(
            f"{count} subscriptions: {seconds:.1f} s, {looked_at} rows, {found} differences, "
            f"{peaks[-1]:.0f} MB",
            flush=True,
        )
    first, later, idle = await requests_of(subscriptions, changed=max(1, subscriptions // 100))
    for system, asked in first.items():
        hours = asked / _AN_HOUR[system] if system in _AN_HOUR else None
        said = "no documented rate" if hours is None else f"{timedelta(hours=hours)} at its rate"
        print(f"first reading of {system}: {asked} requests, {said}", flush=True)
    return [
        Limit("subscriptions compared a second", rates[-1], 20_000, at_least=True),
        Limit("a second, of a tenth / whole", rates[0] / rates[-1], 1.5),
        Limit("differences that were not planted, or not found", wrong, 0),
        Limit("memory of ours", peaks[-1], 300, " MB"),
        Limit("more memory for nine tenths", peaks[1] - peaks[0], 20, " MB"),
        *(
            Limit(
                f"{system}: later requests / first",
                # Without those that are asked however much has changed.
                (later[system] - idle[system]) / first[system] * 100,
                2,
                " %",
            )
            for system in first
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    given = parser.parse_args()
    return told(asyncio.run(measured(given.subscriptions)))


if __name__ == "__main__":
    sys.exit(main())
