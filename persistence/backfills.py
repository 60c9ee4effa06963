"""Lists of backfills, and what a rehearsal has found, summed up."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from canonical_models.backfill import Selection
from canonical_models.base import Canonical
from persistence import batches
from persistence.connection import Connection
from persistence.rows import fetch

#: What has moved in a time: a change came, or billing has issued a document.
_MOVED = """
select subject as key, jsonb_build_object('customer', min(customer_id)) as given from (
  select subject, customer_id from changes where tenant = %(tenant)s
    and (%(since)s::timestamptz is null or received_at >= %(since)s)
    and (%(until)s::timestamptz is null or received_at < %(until)s)
  union all select subject, customer_id from documents where tenant = %(tenant)s
    and (%(since)s::timestamptz is null or issued_at >= %(since)s)
    and (%(until)s::timestamptz is null or issued_at < %(until)s)) as moved
where %(customers)s::text[] is null or customer_id = any(%(customers)s)
  or subject in (select subscription_id from subscription_states s
    where s.tenant = %(tenant)s and s.customer_id = any(%(customers)s))
group by subject order by subject
"""

#: Those that every system last agreed on, and that the mapping is about; an account's own too.
_MAPPED = """
select subscription_id as key, jsonb_build_object('customer', customer_id) as given
from subscription_states s
where tenant = %(tenant)s and (customer_id = any(%(customers)s) or exists (
  select from jsonb_array_elements(snapshot -> 'items') i
  where %(item)s in (i #>> '{plan,item}', i #>> '{plan,plan_id}')))
union all select 'account:' || customer_id, jsonb_build_object('customer', customer_id)
from unnest(%(customers)s::text[]) as of_these (customer_id)
where exists (select from subscription_states s
  where s.tenant = %(tenant)s and s.customer_id = of_these.customer_id)
order by 1
"""

#: Of whom a target should hold something, or was told that it should not.
_TOLD = """
select target || '/' || customer_id as key,
  jsonb_build_object('target', target, 'customer', customer_id) as given
from (
  select target, customer_id from unnest(%(targets)s::text[]) as named (target), (
    select customer_id from grants where tenant = %(tenant)s and withdrawn_at is null) as held
  where target <> 'support'
  union select target, customer_id from unnest(%(targets)s::text[]) as named (target), (
    select customer_id from support_contributions where tenant = %(tenant)s) as asked
  where target = 'support'
  union select target, customer_id from target_states
  where tenant = %(tenant)s and target = any(%(targets)s)) as known
where %(customers)s::text[] is null or customer_id = any(%(customers)s)
order by customer_id, target
"""

#: What agrees already need not be brought about.
_APART = """
not (found ->> 'comes' = 'goes_through' and jsonb_array_length(found -> 'writes') = 0)
"""

_REHEARSED = f"""
select key, coalesce(given, '{{}}') || jsonb_build_object(
  'comes', found -> 'comes', 'summary', found -> 'summary') as given
from batch_items where tenant = %(tenant)s and batch_id = %(from)s and found is not null
  and {_APART}
order by number
"""  # noqa: S608 - put together from constants

_WRITES = """
select w ->> 'system' as system, w ->> 'effect' as effect, count(*) as items,
  sum((w ->> 'count')::int)::int as count
from batch_items i, jsonb_array_elements(i.found -> 'writes') w
where i.tenant = %s and i.batch_id = %s group by 1, 2 order by 1, 2
"""

_AGREE = f"""
select count(*) from batch_items
where tenant = %s and batch_id = %s and found is not null and not {_APART}
"""  # noqa: S608 - put together from constants

#: Of those that would be brought about.
_REQUESTS = f"""
select r.key, sum(r.value::int)::int
from batch_items i, jsonb_each_text(i.found -> 'requests') r
where i.tenant = %s and i.batch_id = %s and {_APART.replace("found", "i.found")}
group by 1 order by 1
"""  # noqa: S608 - put together from constants

_SAME = """
select id from batches
where tenant = %(tenant)s and kind = 'backfill' and state = 'ended'
  and given -> 'rehearsal' = 'true' and given -> 'selection' = %(selection)s::jsonb
  and ended_at > now() - %(within)s and (%(id)s::text is null or id = %(id)s)
order by begun_at desc limit 1
"""


class WriteTotal(Canonical):
    """How many `items` write so, and how often in all."""

    system: str
    effect: str
    items: int
    count: int


async def freeze_moved(conn: Connection, tenant: str, batch_id: str, of: Selection) -> int:
    """The subjects that have moved in the time of the selection onto the list; how many."""
    given = {"since": of.since, "until": of.until, "customers": list(of.customers) or None}
    return await batches.add_found(conn, tenant, batch_id, _MOVED, given)


async def freeze_mapped(conn: Connection, tenant: str, batch_id: str, of: Selection) -> int:
    given = {"item": of.item, "customers": list(of.customers)}
    return await batches.add_found(conn, tenant, batch_id, _MAPPED, given)


async def freeze_told(
    conn: Connection, tenant: str, batch_id: str, of: Selection, targets: Collection[str]
) -> int:
    given = {"targets": list(targets), "customers": list(of.customers) or None}
    return await batches.add_found(conn, tenant, batch_id, _TOLD, given)


async def freeze_rehearsed(conn: Connection, tenant: str, batch_id: str, rehearsed: str) -> int:
    """What the rehearsal has found to differ, to wait, or could not tell; how many."""
    return await batches.add_found(conn, tenant, batch_id, _REHEARSED, {"from": rehearsed})


async def rehearsed(
    conn: Connection,
    tenant: str,
    selection: Mapping[str, Any],
    *,
    within: timedelta,
    batch_id: str | None = None,
) -> str | None:
    """The newest whole rehearsal of exactly this selection that ended within the time."""
    found = await conn.execute(
        _SAME,
        {
            "tenant": tenant,
            "selection": Jsonb(dict(selection)),
            "within": within,
            "id": batch_id,
        },
    )
    row = await found.fetchone()
    return row[0] if row else None


async def writes(conn: Connection, tenant: str, batch_id: str) -> tuple[WriteTotal, ...]:
    """By system and effect."""
    return await fetch(conn, WriteTotal, _WRITES, (tenant, batch_id))


async def agree(conn: Connection, tenant: str, batch_id: str) -> int:
    """How many were found to agree everywhere already."""
    row = await (await conn.execute(_AGREE.encode(), (tenant, batch_id))).fetchone()
    return int(row[0]) if row else 0


async def requests(conn: Connection, tenant: str, batch_id: str) -> dict[str, int]:
    """By connection, how often the rehearsal has asked for those that it would bring about."""
    found = await conn.execute(_REQUESTS.encode(), (tenant, batch_id))
    return dict(await found.fetchall())
