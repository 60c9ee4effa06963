"""Access that a person took back with a change: it stays as it was agreed before."""

from canonical_models.records import AccessHold
from persistence.connection import Connection

_PUT = """
insert into access_holds (tenant, subscription_id, hold) values (%s, %s, %s::jsonb)
on conflict (tenant, subscription_id) do update set hold = excluded.hold, held_at = now()
"""


async def get(conn: Connection, tenant: str, subscription_id: str) -> AccessHold | None:
    found = await conn.execute(
        "select hold::text from access_holds where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    row = await found.fetchone()
    return AccessHold.model_validate_json(row[0]) if row else None


async def put(conn: Connection, tenant: str, subscription_id: str, hold: AccessHold) -> None:
    """A later abort replaces it."""
    await conn.execute(_PUT, (tenant, subscription_id, hold.model_dump_json()))


async def lift(conn: Connection, tenant: str, subscription_id: str) -> bool:
    """Whether there was one."""
    done = await conn.execute(
        "delete from access_holds where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    return done.rowcount > 0
