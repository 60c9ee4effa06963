"""Batches and their items: how far each has come stands here, and nowhere else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from canonical_models.batch import (
    Batch,
    BatchItem,
    BatchKind,
    BatchState,
    ItemOutcome,
    batch_process,
)
from persistence import processes
from persistence.connection import Connection
from persistence.rows import all_of, columns, fetch, fetch_one

_COUNTS = """(select coalesce(jsonb_object_agg(outcome, items), '{}') from (
  select outcome, count(*) as items from batch_items i
  where i.tenant = batches.tenant and i.batch_id = batches.id group by outcome) counted)"""
_SELECT = f"select {columns(Batch, batch_id='id', counts=_COUNTS)} from batches"  # noqa: S608 - put together from constants
_ITEMS = f"select {columns(BatchItem)} from batch_items"  # noqa: S608 - put together from constants

#: Attempts at an item, some minutes in all, after which it is given up where others could be
#: reached meanwhile; and after how long where none could: vendors are away for hours.
PATIENCE, AT_MOST = 12, timedelta(hours=6)
#: Those that pause a batch: so many failures in a row, or a share of the last ones.
IN_A_ROW, SHARE, OF_THE_LAST = 3, 0.1, 50


class AlreadyOpen(Exception):
    """Another batch of the same kind and subject has not come to its end: the one that is named."""

    def __init__(self, batch_id: str) -> None:
        self.batch_id = batch_id
        super().__init__(batch_id)


@dataclass(frozen=True, slots=True)
class Listed:
    """What goes onto the list: its key, what was looked at, and the change that is to carry it
    out, where there is one already."""

    key: str
    given: Mapping[str, Any] | None = None
    change_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToDo:
    """An item that is to be carried out, as it was `read`. `found` is what an attempt before has
    kept."""

    number: int
    key: str
    given: Mapping[str, Any]
    found: Mapping[str, Any]
    read: datetime


async def begin(  # noqa: PLR0913 - what a batch is
    conn: Connection,
    tenant: str,
    batch_id: str,
    kind: BatchKind,
    *,
    subject: str,
    given: Mapping[str, Any],
    by: str,
    rate: int | None = None,
    trial: bool = False,
    listed: bool = True,
) -> None:
    """What carries it out is told with the commit. Raises AlreadyOpen."""
    try:
        async with conn.transaction():
            await conn.execute(
                "insert into batches (tenant, id, kind, subject, given, rate, trial, listed, "
                "begun_by, begun_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, "
                "clock_timestamp())",
                (
                    *(tenant, batch_id, kind.value, subject, Jsonb(dict(given)), rate, trial),
                    *(listed, by),
                ),
            )
    except psycopg.errors.UniqueViolation as fault:
        open_ = await conn.execute(
            "select id from batches where tenant = %s and kind = %s and subject = %s "
            "and state in ('running', 'paused')",
            (tenant, kind.value, subject),
        )
        row = await open_.fetchone()
        raise AlreadyOpen(row[0] if row else batch_id) from fault
    await processes.news(conn, [batch_process(tenant, batch_id)])


async def add(conn: Connection, tenant: str, batch_id: str, items: Collection[Listed]) -> None:
    """Behind those that it has; what is on the list already is left out."""
    await conn.execute(
        "insert into batch_items (tenant, batch_id, number, key, given, change_id) "
        "select %(tenant)s, %(id)s, row_number() over (order by place) + (select "
        "coalesce(max(number), 0) from batch_items where tenant = %(tenant)s "
        "and batch_id = %(id)s), key, given, change_id "
        "from unnest(%(keys)s::text[], %(givens)s::jsonb[], %(changes)s::text[]) "
        "with ordinality as new (key, given, change_id, place) "
        "on conflict (tenant, batch_id, key) do nothing",
        {
            "tenant": tenant,
            "id": batch_id,
            "keys": [item.key for item in items],
            "givens": [None if item.given is None else Jsonb(dict(item.given)) for item in items],
            "changes": [item.change_id for item in items],
        },
    )


async def add_found(
    conn: Connection, tenant: str, batch_id: str, query: LiteralString, values: Mapping[str, Any]
) -> int:
    """Everything that the query finds as `key` and `given`, in its order and behind those that it
    has, frozen by this one statement; how many are new."""
    found = await conn.execute(
        (
            "insert into batch_items (tenant, batch_id, number, key, given) "  # noqa: S608 - of constants
            "select %(tenant)s, %(batch)s, row_number() over () + (select coalesce(max(number), 0) "
            "from batch_items where tenant = %(tenant)s and batch_id = %(batch)s), key, given "
            f"from ({query}) found on conflict (tenant, batch_id, key) do nothing"
        ).encode(),
        {**values, "tenant": tenant, "batch": batch_id},
    )
    return found.rowcount


async def position(conn: Connection, tenant: str, batch_id: str) -> str | None:
    """Where its list goes on; held until the end of the transaction."""
    found = await conn.execute(
        "select cursor from batches where tenant = %s and id = %s for update", (tenant, batch_id)
    )
    row = await found.fetchone()
    return row[0] if row else None


async def list_on(conn: Connection, tenant: str, batch_id: str, following: str | None) -> None:
    """The list goes on from there, or is whole."""
    await conn.execute(
        "update batches set cursor = %(next)s, listed = %(next)s::text is null "
        "where tenant = %(tenant)s and id = %(id)s",
        {"tenant": tenant, "id": batch_id, "next": following},
    )


async def get(conn: Connection, tenant: str, batch_id: str) -> Batch | None:
    one = f"{_SELECT} where tenant = %s and id = %s"
    return await fetch_one(conn, Batch, one, (tenant, batch_id))


async def page(
    conn: Connection,
    tenant: str,
    *,
    kind: BatchKind | None = None,
    state: BatchState | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[Batch, ...]:
    """Newest first; `before` is `begun_at` and id of the last one seen."""
    at, last = before or (None, None)
    which = all_of(
        {
            "kind = %(kind)s": kind,
            "state = %(state)s": state,
            "(begun_at, id) < (%(at)s, %(last)s)": before,
        }
    )
    return await fetch(
        conn,
        Batch,
        f"{_SELECT} where tenant = %(tenant)s and {which} "
        "order by begun_at desc, id desc limit %(limit)s",
        {
            "tenant": tenant,
            "kind": kind,
            "state": state,
            "at": at,
            "last": last,
            "limit": limit,
        },
    )


async def items(
    conn: Connection,
    tenant: str,
    batch_id: str,
    *,
    outcome: ItemOutcome | None = None,
    after: int = 0,
    limit: int = 50,
) -> tuple[BatchItem, ...]:
    """In their order; `after` is the number of the last one seen."""
    which = all_of({"outcome = %(outcome)s": outcome})
    return await fetch(
        conn,
        BatchItem,
        f"{_ITEMS} where tenant = %(tenant)s and batch_id = %(id)s and number > %(after)s "
        f"and {which} order by number limit %(limit)s",
        {
            "tenant": tenant,
            "id": batch_id,
            "outcome": outcome,
            "after": after,
            "limit": limit,
        },
    )


_TO_DO = """
select number, key, coalesce(given, '{}'), coalesce(found, '{}'), clock_timestamp()
from batch_items
where tenant = %(tenant)s and batch_id = %(id)s and outcome = 'not_begun'
order by number limit %(limit)s
"""


async def to_do(conn: Connection, tenant: str, batch_id: str, limit: int) -> list[ToDo]:
    found = await conn.execute(_TO_DO, {"tenant": tenant, "id": batch_id, "limit": limit})
    return [ToDo(*row) for row in await found.fetchall()]


async def untouched(conn: Connection, tenant: str, batch_id: str, number: int) -> bool:
    """Whether nobody has carried it out since it was read, held until the end of the transaction:
    a turn that was believed to be dead may come late, beside the one that took its place."""
    found = await conn.execute(
        "select from batch_items where tenant = %s and batch_id = %s and number = %s "
        "and outcome = 'not_begun' for update",
        (tenant, batch_id, number),
    )
    return await found.fetchone() is not None


_TRIED = """
update batch_items i set attempts = attempts + 1,
  at = case when attempts = 0 then %(read)s else at end
where tenant = %(tenant)s and batch_id = %(id)s and number = %(number)s and outcome = 'not_begun'
returning attempts < %(patience)s or (at > clock_timestamp() - %(at_most)s and not exists (
  select from batch_items o where o.tenant = i.tenant and o.batch_id = i.batch_id
    and o.outcome <> 'not_begun' and o.at >= i.at))
"""


async def tried(conn: Connection, tenant: str, batch_id: str, item: ToDo) -> bool:
    """It could not be reached. Whether it is to be tried again: what is away comes back by itself,
    so others have to have been reached since the first attempt, or it has gone on for too long."""
    found = await conn.execute(
        _TRIED,
        {
            "tenant": tenant,
            "id": batch_id,
            "number": item.number,
            "read": item.read,
            "patience": PATIENCE,
            "at_most": AT_MOST,
        },
    )
    row = await found.fetchone()
    return row is None or row[0]


async def stands(
    conn: Connection,
    tenant: str,
    batch_id: str,
    number: int,
    outcome: ItemOutcome,
    *,
    reason: str | None = None,
    change_id: str | None = None,
    found: Mapping[str, Any] | None = None,
) -> bool:
    """Of an item that was carried out, unless another turn was first. Whether its batch still
    runs."""
    known = await conn.execute(
        "with moved as (update batch_items set outcome = %(outcome)s, reason = %(reason)s, "
        "change_id = coalesce(%(change)s, change_id), found = coalesce(%(found)s, found), "
        "at = clock_timestamp() "
        "where tenant = %(tenant)s and batch_id = %(id)s and number = %(number)s "
        "and outcome = 'not_begun') "
        "select state = 'running' from batches where tenant = %(tenant)s and id = %(id)s",
        {
            "tenant": tenant,
            "id": batch_id,
            "number": number,
            "outcome": outcome.value,
            "reason": None if reason is None else reason[:2000],
            "change": change_id,
            "found": None if found is None else Jsonb(dict(found)),
        },
    )
    row = await known.fetchone()
    return row is not None and row[0]


async def may_hand_over(conn: Connection, tenant: str, batch_id: str) -> tuple[float, int]:
    """(seconds until more may be handed over, how many were so far)."""
    found = await conn.execute(
        "select extract(epoch from next_at - clock_timestamp())::float8, (select count(*) "
        "from batch_items i where i.tenant = b.tenant and i.batch_id = b.id "
        "and i.outcome <> 'not_begun') from batches b where tenant = %s and id = %s",
        (tenant, batch_id),
    )
    row = await found.fetchone()
    return (max(row[0], 0.0), row[1]) if row else (0.0, 0)


async def keep(
    conn: Connection, tenant: str, batch_id: str, number: int, found: Mapping[str, Any]
) -> None:
    """What an attempt at an item needs to know that comes after this one."""
    await conn.execute(
        "update batch_items set found = %s where tenant = %s and batch_id = %s and number = %s",
        (Jsonb(dict(found)), tenant, batch_id, number),
    )


async def handed_over(conn: Connection, tenant: str, batch_id: str, *, rest: float) -> None:
    """Nothing more for so many seconds."""
    await conn.execute(
        "update batches set next_at = clock_timestamp() + make_interval(secs => %s) "
        "where tenant = %s and id = %s",
        (rest, tenant, batch_id),
    )


_ENOUGH = """
select outcome, outcome = 'failed' or b.kind = 'backfill' and outcome = 'waits'
  and i.given ->> 'comes' is distinct from 'then_waits'
from batch_items i join batches b
  on b.tenant = i.tenant and b.id = i.batch_id and i.at > b.looked_at
where i.tenant = %(tenant)s and i.batch_id = %(id)s
  and i.outcome not in ('not_begun', 'handed_over', 'at_work')
order by i.at desc, i.number desc limit %(last)s
"""


async def failing(conn: Connection, tenant: str, batch_id: str) -> str | None:
    """Why it should go no further by itself, if it should not. Of a backfill what waits for a
    person counts as well, unless it was foreseen: what is wrong with all asks once, and not once
    for each."""
    found = await conn.execute(_ENOUGH, {"tenant": tenant, "id": batch_id, "last": OF_THE_LAST})
    rows = await found.fetchall()
    failed = [bool(row[1]) for row in rows]
    waits = any(bad and outcome == ItemOutcome.WAITS for outcome, bad in rows)
    words = "have failed or wait for people" if waits else "have failed"
    if len(failed) >= IN_A_ROW and all(failed[:IN_A_ROW]):
        return f"{IN_A_ROW} {words} in a row"
    if len(failed) == OF_THE_LAST and sum(failed) >= SHARE * OF_THE_LAST:
        return f"{sum(failed)} of the last {OF_THE_LAST} {words}"
    return None


async def tried_since(conn: Connection, tenant: str, batch_id: str) -> str | None:
    """What a trial has come to since it was looked at last; None where none was made."""
    found = await conn.execute(
        "select i.key, i.outcome, i.reason from batch_items i join batches b "
        "on b.tenant = i.tenant and b.id = i.batch_id and i.at > b.looked_at "
        "where i.tenant = %s and i.batch_id = %s and i.outcome <> 'not_begun' "
        "order by i.at desc limit 1",
        (tenant, batch_id),
    )
    row = await found.fetchone()
    if row is None:
        return None
    why = f" ({row[2][:500]})" if row[2] else ""
    return (
        f"the trial is through: {row[0]} is {row[1].replace('_', ' ')}{why}. Look at it, then go on"
    )


async def pause(conn: Connection, tenant: str, batch_id: str, why: str) -> bool:
    """Whether it ran until now."""
    return await _moved(conn, tenant, batch_id, "state = 'paused', why = %(why)s", "running", why)


async def resume(conn: Connection, tenant: str, batch_id: str) -> bool:
    """Whether it was paused until now. What has failed so far was looked at, and its trial is
    over."""
    return await _moved(
        conn,
        tenant,
        batch_id,
        "state = 'running', why = %(why)s, looked_at = clock_timestamp(), trial = trial and "
        # A release has tried nothing as long as none has gone through.
        "not exists (select from batch_items i where i.tenant = batches.tenant "
        "and i.batch_id = batches.id and i.outcome <> 'not_begun' "
        "and (batches.kind <> 'release' or i.outcome = 'done'))",
        "paused",
        None,
    )


async def pace(conn: Connection, tenant: str, batch_id: str, rate: int) -> bool:
    """So many a minute from the next hand-over on. Whether it is open, and has a rate."""
    done = await conn.execute(
        "update batches set rate = %s where tenant = %s and id = %s and rate is not null "
        "and state in ('running', 'paused')",
        (rate, tenant, batch_id),
    )
    return done.rowcount > 0


async def stop(conn: Connection, tenant: str, batch_id: str, why: str) -> bool:
    """What was handed over goes on, and nothing more is. Whether it was open until now."""
    return await _moved(
        conn,
        tenant,
        batch_id,
        "state = 'stopped', why = %(why)s, ended_at = clock_timestamp()",
        "open",
        why,
    )


_OPEN = {"running": "state = 'running'", "paused": "state = 'paused'"}


async def _moved(
    conn: Connection, tenant: str, batch_id: str, to: str, was: str, why: str | None
) -> bool:
    which = _OPEN.get(was, "state in ('running', 'paused')")
    moved = await conn.execute(
        f"update batches set {to} where tenant = %(tenant)s and id = %(id)s and {which}".encode(),  # noqa: S608 - of constants
        {"tenant": tenant, "id": batch_id, "why": None if why is None else why[:2000]},
    )
    if moved.rowcount:
        await processes.news(conn, [batch_process(tenant, batch_id)])
    return moved.rowcount > 0


async def end(conn: Connection, tenant: str, batch_id: str) -> bool:
    """Whether nothing is left to hand over and nothing is at work: then it is at its end."""
    ended = await conn.execute(
        "update batches set state = 'ended', ended_at = clock_timestamp() "
        "where tenant = %(tenant)s and id = %(id)s and state = 'running' and listed "
        "and not exists (select from batch_items i where i.tenant = %(tenant)s "
        "and i.batch_id = %(id)s and i.outcome in ('not_begun', 'handed_over', 'at_work'))",
        {"tenant": tenant, "id": batch_id},
    )
    return ended.rowcount > 0
