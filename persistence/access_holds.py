"""Access that a person took back with a change: it stays as it was agreed before."""

from canonical_models.records import AccessHold
from persistence.connection import Transaction, connection_of

_PUT = """
insert into access_holds (tenant, subscription_id, hold) values (%s, %s, %s::jsonb)
on conflict (tenant, subscription_id) do update set hold = excluded.hold, held_at = now()
"""


async def get(session: Transaction, tenant: str, subscription_id: str) -> AccessHold | None:
    found = await (await connection_of(session)).execute(
        "select hold::text from access_holds where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    row = await found.fetchone()
    return AccessHold.model_validate_json(row[0]) if row else None


async def put(session: Transaction, tenant: str, subscription_id: str, hold: AccessHold) -> None:
    """A later abort replaces it."""
    await (await connection_of(session)).execute(
        _PUT, (tenant, subscription_id, hold.model_dump_json())
    )


async def lift(session: Transaction, tenant: str, subscription_id: str) -> bool:
    """Whether there was one."""
    done = await (await connection_of(session)).execute(
        "delete from access_holds where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    return done.rowcount > 0
