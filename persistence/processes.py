"""Processes and the news they are to hear. Telling the engine is `dispatch/telling.py`."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from canonical_models.process import Process
from persistence.changes import CHANNEL
from persistence.database import Database
from persistence.raw import Transaction, driver

_NEWS = """
insert into processes (workflow_id, tenant, kind, input)
select news.id, news.tenant, news.kind, news.input::jsonb
from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as news (id, tenant, kind, input)
on conflict (workflow_id) do update set wanted = processes.wanted + 1, changed_at = now()
"""

#: The same for rows that have `tenant`, `subscription_id` and `customer_id`, in one statement.
NEWS_OF = """
insert into processes (workflow_id, tenant, kind, input)
select '{kind}/' || tenant || '/' || {key}, tenant, '{kind}', jsonb_build_object('kind', '{kind}',
  'tenant', tenant, 'key', {key}, 'subscription_id', subscription_id, 'customer_id', customer_id)
from {rows}
on conflict (workflow_id) do update set wanted = processes.wanted + 1, changed_at = now()
"""

_UNTOLD = """
select input::text, wanted from processes where wanted > told and workflow_id <> all(%s)
order by changed_at limit 1 for update skip locked
"""


async def news(session: Transaction, processes: Iterable[Process]) -> None:
    """Each of them has something to look at, and runs if it did not: told after the commit."""
    told = tuple(processes)
    if not told:
        return
    raw = await driver(session)
    await raw.execute(
        _NEWS,
        (
            [process.workflow_id for process in told],
            [process.tenant for process in told],
            [process.kind.value for process in told],
            [process.model_dump_json() for process in told],
        ),
    )
    await raw.execute(f"notify {CHANNEL}".encode())


@asynccontextmanager
async def untold(database: Database, *, but: Collection[str] = ()) -> AsyncIterator[Process | None]:
    """A process that the engine has still to be told of, held until the end of the block; None
    when there is none. It counts as told unless the block raises."""
    async with database.work() as raw:
        row = await (await raw.execute(_UNTOLD, (list(but),))).fetchone()
        if row is None:
            yield None
            return
        process = Process.model_validate_json(row[0])
        yield process
        await raw.execute(
            "update processes set told = %s where workflow_id = %s", (row[1], process.workflow_id)
        )


async def advance(session: Transaction, workflow_id: str, *, at: datetime) -> None:
    """News that the process itself has found at `at`, and so need not be told."""
    await (await driver(session)).execute(
        "update processes set wanted = wanted + 1, told = case when told = wanted then told + 1 "
        "else told end, changed_at = %s where workflow_id = %s",
        (at, workflow_id),
    )


async def changed(session: Transaction, workflow_id: str) -> datetime | None:
    """When there was news last; None before the first."""
    found = await (await driver(session)).execute(
        "select changed_at from processes where workflow_id = %s", (workflow_id,)
    )
    row = await found.fetchone()
    return row[0] if row else None


async def revision(session: Transaction, workflow_id: str) -> int:
    """How often there has been news; 0 before the first."""
    found = await (await driver(session)).execute(
        "select wanted from processes where workflow_id = %s", (workflow_id,)
    )
    row = await found.fetchone()
    return int(row[0]) if row else 0
