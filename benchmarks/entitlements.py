"""`GET /v1/entitlements/check` over HTTP, as a product asks it before a feature is used.

    python -m benchmarks.entitlements [--seconds 5]

The API as it is served, in a process of its own; PostgreSQL with its durable defaults holds 5,000
customers with ten grants each. One caller asks at a time, about another customer each time. The
median is the limit; what the same server takes for a route that does nothing is told beside it.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from benchmarks.limits import Limit, told
from persistence import keys
from persistence.database import Database, migrate_now
from tests.harness.postgres import durable_server

CUSTOMERS, GRANTS = 5_000, 10
_SEED = """
insert into grants (tenant, customer_id, feature, source, source_id, change_id, quantity, starts_at)
select 'acme', 'cus_' || c, 'feature_' || g, 'subscription', 'si_' || g, 'chg_' || c, g, now()
from generate_series(1, %s) c, generate_series(1, %s) g
"""


async def seeded(dsn: str) -> str:
    """The key to ask with."""
    database = Database(dsn)
    try:
        async with database.transaction() as conn:
            await conn.execute(_SEED, (CUSTOMERS, GRANTS))
            await conn.execute("analyze grants")
        async with database.transaction() as conn:
            return await keys.create(conn, "acme", "bench", ("entitlements:read",))
    finally:
        await database.close()


@asynccontextmanager
async def server(dsn: str) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.entitlements_server", dsn),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe to the server")
        async with asyncio.timeout(20):
            ready = await process.stdout.readline()
        yield f"http://127.0.0.1:{json.loads(ready)['port']}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def asked(http: httpx.AsyncClient, path: str, seconds: float) -> list[float]:
    """Milliseconds of each answer."""
    times: list[float] = []
    began = time.perf_counter()
    number = 0
    while (now := time.perf_counter()) - began < seconds:
        number += 1
        customer = f"cus_{number * 7919 % CUSTOMERS + 1}"
        answer = await http.get(path, params={"customer": customer, "feature": "feature_7"})
        if answer.status_code != httpx.codes.OK or b'"allowed":false' in answer.content:
            raise RuntimeError(f"not as seeded: {answer.status_code} {answer.text[:200]}")
        times.append((time.perf_counter() - now) * 1000)
    return times


async def measure(dsn: str, seconds: float) -> int:
    key = await seeded(dsn)
    headers = {"authorization": f"Bearer {key}"}
    async with (
        server(dsn) as url,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
    ):
        await asked(http, "/v1/entitlements/check", 1)
        nothing = await asked(http, "/healthz", seconds)
        check = sorted(await asked(http, "/v1/entitlements/check", seconds))
    print(
        f"  {len(check)} checks, 99th percentile {check[int(len(check) * 0.99)]:.2f} ms; "
        f"{statistics.median(check) / statistics.median(nothing):.1f} times a route that does "
        "nothing",
        file=sys.stderr,
    )
    return told([Limit("median of a check", statistics.median(check), 10.0, " ms")])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with durable_server() as postgres:
        postgres.execute("create database bench")
        dsn = postgres.dsn("bench")
        migrate_now(dsn)
        return asyncio.run(measure(dsn, seconds))


if __name__ == "__main__":
    sys.exit(main())
