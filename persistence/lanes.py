"""Lanes: the postings of one legal entity, which one worker takes one after another.

Two workers that post for an entity at once make each other fail where the ERP locks its number
sequence. That is all a lane is for: what is posted once is the ledger's to say, so it does no harm
when two hold one for a moment.
"""

from collections.abc import Collection

from canonical_models.base import Canonical, Instant
from persistence.connection import Connection
from persistence.rows import fetch, select

#: Each worker looks at least this often, in seconds, and may miss two looks.
EVERY = 2.0
_HELD_FOR = 3 * EVERY


class LaneView(Canonical):
    """`holder` is the worker that posts for the legal entity, until `until` if it says no more."""

    entity: str
    build: str
    holder: str
    until: Instant


# Of another build only what it knows is taken over: its own postings wait in its own queues.
_HOLD = """
with free as (
  select tenant, entity from lanes
  where build = %(build)s and (holder is null or holder = %(holder)s or until < now())
  for update skip locked
), held as (
  update lanes set holder = %(holder)s, until = now() + %(seconds)s * interval '1 second'
  from free
  where (lanes.tenant, lanes.entity, lanes.build) = (free.tenant, free.entity, %(build)s)
  returning lanes.tenant, lanes.entity
), made as (
  insert into lanes (tenant, entity, build, holder, until)
  select distinct tenant, entity, %(build)s, %(holder)s, now() + %(seconds)s * interval '1 second'
  from lanes as known
  where tenant = any(%(tenants)s) and not exists (
    select from lanes where (tenant, entity, build) = (known.tenant, known.entity, %(build)s)
  )
  on conflict do nothing
  returning tenant, entity
)
select tenant, entity from held where tenant = any(%(tenants)s) union all select * from made
"""


async def needed(conn: Connection, tenant: str, entity: str) -> None:
    """There are postings for this legal entity."""
    await conn.execute(
        "insert into lanes (tenant, entity, build) values (%s, %s, '') on conflict do nothing",
        (tenant, entity),
    )


async def hold(
    conn: Connection, *, build: str, holder: str, tenants: Collection[str]
) -> set[tuple[str, str]]:
    """The lanes that this worker holds from now on, by tenant and legal entity: those that it held,
    and those that nobody does."""
    found = await conn.execute(
        _HOLD,
        {"build": build, "holder": holder, "tenants": list(tenants), "seconds": _HELD_FOR},
    )
    return set(await found.fetchall())


async def give_up(conn: Connection, *, holder: str) -> None:
    """Others may take what this worker held."""
    await conn.execute("update lanes set holder = null, until = now() where holder = %s", (holder,))


async def of_tenant(conn: Connection, tenant: str) -> tuple[LaneView, ...]:
    """Those that somebody holds."""
    return await fetch(
        conn,
        LaneView,
        f"{select(LaneView, 'lanes')} "
        "where tenant = %s and holder is not null and until > now() order by entity, build",
        (tenant,),
    )
