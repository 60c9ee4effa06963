"""How far each entitlement target follows."""

from canonical_models.base import Canonical, Instant
from canonical_models.process import SUPPORT_TARGET
from canonical_models.states import TargetState
from persistence.connection import Connection
from persistence.rows import fetch, select

_PUT = """
insert into target_states (tenant, target, customer_id, revision, confirmed, state, error)
values (%(tenant)s, %(target)s, %(customer)s, %(revision)s, %(confirmed)s, %(state)s, %(error)s)
on conflict (tenant, target, customer_id) do update set
  revision = greatest(target_states.revision, excluded.revision),
  confirmed = greatest(target_states.confirmed, excluded.confirmed),
  state = case
    when greatest(target_states.confirmed, excluded.confirmed)
      >= greatest(target_states.revision, excluded.revision) then 'current'
    when excluded.state = 'current' then 'behind' else excluded.state end,
  error = excluded.error, updated_at = now()
"""

#: Who holds anything, or has been told of anything.
_CUSTOMERS = """
select distinct customer_id from (
  select customer_id from grants where tenant = %(tenant)s and withdrawn_at is null
  union all select customer_id from target_states
  where tenant = %(tenant)s and target = %(target)s
) as known
where customer_id > %(after)s and (%(only)s::text is null or customer_id = %(only)s)
order by customer_id limit %(limit)s
"""

#: The same of support, which is asked for by shares.
_CUSTOMERS_OF_SUPPORT = """
select distinct customer_id from (
  select customer_id from support_contributions where tenant = %(tenant)s
  union all select customer_id from target_states
  where tenant = %(tenant)s and target = %(target)s
) as known
where customer_id > %(after)s and (%(only)s::text is null or customer_id = %(only)s)
order by customer_id limit %(limit)s
"""


class TargetView(Canonical):
    """`behind` until it has confirmed the revision that it should hold, with what was in the way
    when it was last tried; `refused` when a person has given it up, until the next news."""

    target: str
    customer_id: str
    revision: int
    confirmed: int
    state: TargetState
    error: str | None
    updated_at: Instant


_SELECT = select(TargetView, "target_states")


async def put(
    conn: Connection,
    tenant: str,
    target: str,
    customer_id: str,
    *,
    revision: int,
    confirmed: int = 0,
    error: str | None = None,
    given_up: bool = False,
) -> None:
    """`confirmed` is the revision of ours that the target says it holds."""
    behind = TargetState.REFUSED if given_up else TargetState.BEHIND
    state = TargetState.CURRENT if confirmed >= revision else behind
    await conn.execute(
        _PUT,
        {
            "tenant": tenant,
            "target": target,
            "customer": customer_id,
            "revision": revision,
            "confirmed": confirmed,
            "state": state,
            "error": error,
        },
    )


async def of_customer(conn: Connection, tenant: str, customer_id: str) -> tuple[TargetView, ...]:
    of = " where tenant = %s and customer_id = %s order by target"
    return await fetch(conn, TargetView, _SELECT + of, (tenant, customer_id))


async def customers(
    conn: Connection,
    tenant: str,
    target: str,
    *,
    after: str = "",
    only: str | None = None,
    limit: int,
) -> tuple[str, ...]:
    """Of whom the target should hold something, or was told that it should not; by id."""
    query = _CUSTOMERS_OF_SUPPORT if target == SUPPORT_TARGET else _CUSTOMERS
    found = await conn.execute(
        query, {"tenant": tenant, "target": target, "after": after, "only": only, "limit": limit}
    )
    return tuple(row[0] for row in await found.fetchall())


async def get(conn: Connection, tenant: str, target: str, customer_id: str) -> TargetView | None:
    """None before the target was to be told anything of the customer."""
    known = await of_customer(conn, tenant, customer_id)
    return next((view for view in known if view.target == target), None)
