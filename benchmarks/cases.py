"""What a page of the work queue costs when it is long: exceptions and their causes.

    python -m benchmarks.cases [--cases 100000]

Fills a PostgreSQL of its own with so many open exceptions of one tenant, whose trigger counts their
causes: one that holds a tenth of them, one that holds a twentieth, and many that hold ten each.
Each page is asked for as the API does it, some times, and the median counts. The cause of a
twentieth is foreseen and released some times too, each answered with how far it is.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import psycopg
from temporalio.client import Client

from benchmarks.limits import Limit, told
from canonical_models.preview import Mend
from canonical_models.states import CauseState
from operations import batches, causes, exceptions, preview, releases
from operations.context import AppContext
from operations.engine import Engine
from operations.releases import ReleaseAsked
from persistence.causes import Which
from persistence.database import Database, migrate
from tests.harness.postgres import durable_server

_TENANT = "acme"
_TIMES = 31
_AT_ONCE = 200
_GROUPS = 7

_FILL = """
insert into exceptions (id, tenant, change_id, track, belongs_to, subscription_id, step, system,
  failure_class, code, subject, fingerprint, owner, message, at_risk_minor, at_risk_currency,
  opened_at, due_at, assignee, tags)
select 'exc_' || n, 'acme', 'chg_' || n, 'books', 'sub_' || n, 'sub_' || n, 'books', 'erp',
  'rejected',
  case when mod(n, 3) = 0 or mod(n, 20) = 1 then 'item_unmapped' else 'period_closed' end,
  case when mod(n, 10) = 0 then 'prod_wide' when mod(n, 20) = 1 then 'prod_group'
    else 'prod_' || n / 10 end, 'f',
  (array['finance', 'support', 'operations'])[1 + mod(n, 3)], 'cannot be posted',
  nullif(mod(n, 11), 0) * 100, case when mod(n, 11) <> 0 then
    (array['EUR', 'USD', 'JPY'])[1 + mod(n, 3)] end,
  now() - n * interval '1 second', now() + mod(n, 5000) * interval '1 second',
  case when mod(n, 1000) = 0 then 'fay' end, case when mod(n, 100) = 0 then array['month-end'] else
  '{}' end
from generate_series(%(first)s::int, %(last)s::int) as n
"""

#: An invoice of three lines, as a worker keeps what it has foreseen.
_FORESEEN = """
update batch_items i set outcome = 'done', found = jsonb_build_object('subject', e.subscription_id,
  'comes', 'goes_through', 'digest', md5(e.id), 'at', now(), 'documents', jsonb_build_array(
    jsonb_build_object('document_id', 'in_' || e.id, 'number', null, 'kind', 'invoice',
      'legal_entity', 'LE-DE', 'party', 'C-1', 'posting_date', '2026-11-01', 'digest', md5(e.id),
      'net', m.money, 'tax', m.money, 'gross', m.money, 'lines', m.lines)))
from exceptions e, (select money, jsonb_agg(jsonb_build_object('line_id', 'il_' || n, 'item', 'PRO',
    'description', 'Pro plan', 'net', money)) as lines
  from generate_series(1, 3) n, (select '{"minor": 100, "currency": "EUR"}'::jsonb as money) one
  group by money) m
where i.tenant = %(tenant)s and i.batch_id = %(batch)s and e.tenant = i.tenant and e.id = i.key
"""


def fill(dsn: str, cases: int) -> float:
    """Through the trigger, some at a time, as they would come; the milliseconds a case."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        begun = time.perf_counter()
        for first in range(1, cases + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, cases)
            connection.execute(_FILL.encode(), {"first": first, "last": last})
            if first == 1:
                connection.execute("analyze exceptions, causes, cause_amounts")
        took = time.perf_counter() - begun
        connection.execute("vacuum analyze")
    return took * 1000 / cases


async def median_ms(act: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        await act()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


async def pages(context: AppContext) -> list[Limit]:
    every = await causes.list_(context, _TENANT)
    tenth = (await exceptions.list_(context, _TENANT, limit=10)).items[-1].cause_id
    second = (await exceptions.list_(context, _TENANT)).next
    of, team, fay = partial, Which(owner="support"), Which(assignee="fay")
    tagged = Which(tag="month-end")
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "causes": of(causes.list_, context, _TENANT),
        "causes, the next page": of(causes.list_, context, _TENANT, after=every.next),
        "causes of a team": of(causes.list_, context, _TENANT, which=team),
        "causes of a person": of(causes.list_, context, _TENANT, which=fay),
        "causes that nobody has": of(causes.list_, context, _TENANT, which=Which(assignee="")),
        "causes of a kind": of(causes.list_, context, _TENANT, which=Which(code="item_unmapped")),
        "causes that are closed": of(causes.list_, context, _TENANT, state=CauseState.CLOSED),
        "the cause of a tenth of them": of(causes.show, context, _TENANT, tenth),
        "exceptions": of(exceptions.list_, context, _TENANT),
        "exceptions, the next page": of(exceptions.list_, context, _TENANT, after=second),
        "exceptions of a team": of(exceptions.list_, context, _TENANT, which=team),
        "exceptions of a person": of(exceptions.list_, context, _TENANT, which=fay),
        "exceptions with a tag": of(exceptions.list_, context, _TENANT, which=tagged),
    }
    return [Limit(name, await median_ms(act), 100, " ms") for name, act in asked.items()]


async def group_actions(context: AppContext, cases: int) -> list[Limit]:
    """A preview of a cause, and its release, from the call to the answer."""
    async with context.database.statement() as conn:
        one = await conn.execute(
            "select cause from exceptions where subject = 'prod_group' limit 1"
        )
        ((cause,), *_) = await one.fetchall()
    foreseen, released = [], []
    for _ in range(_GROUPS):
        begun = time.perf_counter()
        seen = await preview.of_cause(context, _TENANT, cause, Mend(), by="fay")
        foreseen.append(time.perf_counter() - begun)
        assert seen.batch.total == cases
        await _foresee(context, seen.batch.batch_id)
        asked = ReleaseAsked(preview=seen.batch.batch_id, reason="mapped")
        begun = time.perf_counter()
        made = await releases.begin(context, _TENANT, cause, asked, by="fay")
        released.append(time.perf_counter() - begun)
        assert made.batch.total == cases
        await batches.stop(context, _TENANT, made.batch.batch_id, by="fay")
    return [
        Limit(f"{cases} cases are foreseen", statistics.median(foreseen) * 1000, 200, " ms"),
        Limit(f"{cases} cases are released", statistics.median(released) * 1000, 200, " ms"),
    ]


async def _foresee(context: AppContext, batch_id: str) -> None:
    """What a worker would have found: an invoice of three lines each."""
    async with context.database.transaction() as conn:
        await conn.execute(_FORESEEN, {"tenant": _TENANT, "batch": batch_id})
        await conn.execute(
            "update batches set state = 'ended', ended_at = now() where tenant = %s and id = %s",
            (_TENANT, batch_id),
        )


async def measured(dsn: str, cases: int) -> list[Limit]:
    await migrate(dsn)
    each = await asyncio.to_thread(fill, dsn, cases)
    database = Database(dsn, ping=False)
    try:
        context = AppContext(database, Engine(_away, namespace="default"))
        found = await pages(context)
        found += await group_actions(context, cases // 20)
    finally:
        await database.close()
    return [Limit("a case is opened and counted", each, 5, " ms"), *found]


async def _away() -> Client:
    raise RuntimeError("pages ask PostgreSQL alone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    given = parser.parse_args()
    with durable_server() as server:
        return told(asyncio.run(measured(server.dsn("postgres"), given.cases)))


if __name__ == "__main__":
    sys.exit(main())
