"""Changes that are planned twice: which, and of which both plans differ."""

from datetime import datetime
from typing import Any

from persistence import batches
from persistence.connection import Connection

#: The newest of each subject that has settled since then: it is the state that both are planned
#: from. What was cancelled has not happened.
_SETTLED = """
select id as key, jsonb_build_object('subject', subject) as given from (
  select distinct on (subject) id, subject, seq from changes
  where tenant = %(tenant)s and settled_at >= %(since)s
    and outcome in ('completed', 'no_change', 'shadowed')
  order by subject, seq desc) newest
order by seq
"""

#: Each that has settled since.
_NEW = """
select id as key, jsonb_build_object('subject', subject) as given from changes
where tenant = %(tenant)s and settled_at >= %(since)s
  and outcome in ('completed', 'no_change', 'shadowed') order by seq
"""

_DIFFERING = """
select number, key, given ->> 'subject', found -> 'differences' from batch_items
where tenant = %s and batch_id = %s and number > %s
  and jsonb_array_length(found -> 'differences') > 0
order by number limit %s
"""


async def freeze(conn: Connection, tenant: str, batch_id: str, since: datetime) -> None:
    """The newest change of each subject onto the list."""
    await batches.add_found(conn, tenant, batch_id, _SETTLED, {"since": since})


async def follow(conn: Connection, tenant: str, batch_id: str, since: datetime) -> None:
    """Each change that has settled since then, and is not on the list."""
    await batches.add_found(conn, tenant, batch_id, _NEW, {"since": since})


async def count(conn: Connection, tenant: str, batch_id: str) -> int:
    """Of how many both plans differ."""
    found = await conn.execute(
        "select count(*) from batch_items where tenant = %s and batch_id = %s "
        "and jsonb_array_length(found -> 'differences') > 0",
        (tenant, batch_id),
    )
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def differing(
    conn: Connection, tenant: str, batch_id: str, *, after: int, limit: int
) -> tuple[tuple[int, str, str, list[Any]], ...]:
    """(number, change, subject, differences), in the order of the list."""
    found = await conn.execute(_DIFFERING, (tenant, batch_id, after, limit))
    return tuple([tuple(row) for row in await found.fetchall()])
