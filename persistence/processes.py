"""Processes and the news they are to hear. Telling the engine is `dispatch/signalling.py`, and
looking whether it still has them `dispatch/checking.py`."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from canonical_models.process import Process
from persistence.changes import CHANNEL
from persistence.connection import Connection
from persistence.database import Database

_NEWS = """
insert into processes (workflow_id, tenant, kind, input, news)
select given.id, given.tenant, given.kind, given.input::jsonb, %(above)s + 1
from unnest(%(ids)s::text[], %(tenants)s::text[], %(kinds)s::text[], %(inputs)s::text[])
  as given (id, tenant, kind, input)
on conflict (workflow_id) do update
  set news = greatest(processes.news, %(above)s) + 1, changed_at = now()
"""

#: The same for rows that have `tenant`, `subscription_id` and `customer_id`, in one statement that
#: tells the dispatcher where there are any.
NEWS_OF = """
insert into processes (workflow_id, tenant, kind, input)
select '{kind}/' || tenant || '/' || {key}, tenant, '{kind}', jsonb_build_object('kind', '{kind}',
  'tenant', tenant, 'key', {key}, 'subscription_id', subscription_id, 'customer_id', customer_id)
from {rows}
on conflict (workflow_id) do update set news = processes.news + 1, changed_at = now()
returning pg_notify('trueup_changes', '')
"""

_RAISED = """
insert into processes (workflow_id, tenant, kind, input, news, acknowledged, ended_after)
values (%(id)s, %(tenant)s, %(kind)s, %(input)s::jsonb, 1, 1, 1)
on conflict (workflow_id) do update set news = processes.news + 1,
  acknowledged = processes.acknowledged + (processes.acknowledged = processes.news)::int,
  ended_after = processes.ended_after + (processes.ended_after = processes.news)::int
returning news
"""

_UNACKNOWLEDGED = """
select input::text, news from processes where news > acknowledged and workflow_id <> all(%s)
order by changed_at limit 1 for update skip locked
"""

# Not `in (select ...)`: a plan may ask that again for each row, and then takes more than the limit.
_UNCHECKED = """
with chosen as materialized (
  select workflow_id from processes
  where news > ended_after and acknowledged >= news and checked_at < %(before)s
  order by checked_at limit %(limit)s for update skip locked
)
update processes set checked_at = now() from chosen
where processes.workflow_id = chosen.workflow_id
returning processes.workflow_id, news
"""

_FORGOTTEN = """
update processes set acknowledged = 0 from unnest(%s::text[], %s::bigint[]) as seen (id, news)
where workflow_id = seen.id and processes.news = seen.news
"""

_ENDED = """
update processes set ended_after = seen.news
from unnest(%s::text[], %s::bigint[]) as seen (id, news)
where workflow_id = seen.id and processes.news = seen.news
"""


async def news(conn: Connection, processes: Iterable[Process], *, above: int = 0) -> None:
    """Each of them has something to look at, and runs if it did not: told after the commit. The
    count of news comes to be higher than `above`."""
    told = tuple(processes)
    if not told:
        return
    await conn.execute(
        _NEWS,
        {
            "ids": [process.workflow_id for process in told],
            "tenants": [process.tenant for process in told],
            "kinds": [process.kind.value for process in told],
            "inputs": [process.model_dump_json() for process in told],
            "above": above,
        },
    )
    await conn.execute(f"notify {CHANNEL}".encode())


@asynccontextmanager
async def unacknowledged(
    database: Database, *, but: Collection[str] = ()
) -> AsyncIterator[Process | None]:
    """A process that the engine has still to be told of, held until the end of the block; None
    when there is none. It counts as told unless the block raises."""
    async with database.transaction() as conn:
        row = await (await conn.execute(_UNACKNOWLEDGED, (list(but),))).fetchone()
        if row is None:
            yield None
            return
        process = Process.model_validate_json(row[0])
        yield process
        await conn.execute(
            "update processes set acknowledged = %s, checked_at = now() where workflow_id = %s",
            (row[1], process.workflow_id),
        )


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A process that the engine was told of, up to its `news`, and that has not ended."""

    workflow_id: str
    news: int


async def unchecked(conn: Connection, *, before: datetime, limit: int) -> tuple[Acknowledged, ...]:
    """Some of those that the engine was not asked for since then, the longest first. They count as
    asked for; nobody else gets them meanwhile."""
    found = await conn.execute(_UNCHECKED, {"before": before, "limit": limit})
    return tuple(Acknowledged(*row) for row in await found.fetchall())


async def not_checked(conn: Connection, told: Collection[Acknowledged], *, at: datetime) -> None:
    """The engine did not answer: these count as asked for at `at`."""
    await conn.execute(
        "update processes set checked_at = %s where workflow_id = any(%s)",
        (at, [process.workflow_id for process in told]),
    )


async def forgotten(conn: Connection, told: Collection[Acknowledged]) -> None:
    """The engine does not have these: it is told again of each, unless it was since."""
    await _where_nothing_is_new(conn, told, _FORGOTTEN)
    if told:
        await conn.execute(f"notify {CHANNEL}".encode())


async def ended(conn: Connection, told: Collection[Acknowledged]) -> None:
    """These have come to their end, and are not asked for until there is news."""
    await _where_nothing_is_new(conn, told, _ENDED)


async def _where_nothing_is_new(
    conn: Connection, told: Collection[Acknowledged], statement: str
) -> None:
    if told:
        ids, counts = [one.workflow_id for one in told], [one.news for one in told]
        await conn.execute(statement.encode(), (ids, counts))


async def advance(conn: Connection, workflow_id: str, *, at: datetime) -> None:
    """News that the process itself has found at `at`, and so need not be told."""
    await conn.execute(
        "update processes set news = news + 1, acknowledged = case when acknowledged = news "
        "then acknowledged + 1 else acknowledged end, changed_at = %s where workflow_id = %s",
        (at, workflow_id),
    )


async def raised(conn: Connection, process: Process) -> int:
    """A new revision that somebody else than the process tells: it need not look because of it, and
    what time alone has changed since it looked last it still notices. The count of news."""
    found = await conn.execute(
        _RAISED,
        {
            "id": process.workflow_id,
            "tenant": process.tenant,
            "kind": process.kind.value,
            "input": process.model_dump_json(),
        },
    )
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def above(conn: Connection, workflow_id: str, held: int) -> int:
    """The count of news, raised above `held` unless it is; the process itself asks for it."""
    found = await conn.execute(
        "update processes set news = greatest(news, %(held)s + 1), acknowledged = case when "
        "acknowledged = news then greatest(news, %(held)s + 1) else acknowledged end "
        "where workflow_id = %(process)s returning news",
        {"held": held, "process": workflow_id},
    )
    row = await found.fetchone()
    return int(row[0]) if row else held + 1


async def changed(conn: Connection, workflow_id: str) -> datetime | None:
    """When there was news last; None before the first."""
    found = await conn.execute(
        "select changed_at from processes where workflow_id = %s", (workflow_id,)
    )
    row = await found.fetchone()
    return row[0] if row else None


async def revision(conn: Connection, workflow_id: str) -> int:
    """How often there has been news; 0 before the first."""
    found = await conn.execute("select news from processes where workflow_id = %s", (workflow_id,))
    row = await found.fetchone()
    return int(row[0]) if row else 0
