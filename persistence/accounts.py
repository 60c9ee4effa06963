"""What other systems were last told of each customer, without keeping what that was."""

from collections.abc import Iterable

from pydantic import TypeAdapter

from canonical_models.money import Money
from canonical_models.records import AccountRecord
from persistence.connection import Connection

_BALANCE = TypeAdapter(tuple[Money, ...])

_GET = """
select json_build_object('customer_id', customer_id, 'profile_digest', profile_digest,
  'deleted', deleted, 'balance', coalesce(balance, '[]'), 'synced_at', synced_at)::text
from accounts where tenant = %s and customer_id = %s
"""

_PUT = """
insert into accounts (tenant, customer_id, profile_digest, deleted, balance)
values (%(tenant)s, %(customer)s, coalesce(%(digest)s, ''), coalesce(%(deleted)s, false),
  %(balance)s::jsonb)
on conflict (tenant, customer_id) do update set
  profile_digest = coalesce(%(digest)s, accounts.profile_digest),
  deleted = coalesce(%(deleted)s, accounts.deleted),
  balance = coalesce(excluded.balance, accounts.balance), synced_at = clock_timestamp()
"""


async def get(conn: Connection, tenant: str, customer_id: str) -> AccountRecord | None:
    """None before anything was agreed of the account."""
    found = await conn.execute(_GET, (tenant, customer_id))
    row = await found.fetchone()
    return AccountRecord.model_validate_json(row[0]) if row else None


async def put(
    conn: Connection,
    tenant: str,
    customer_id: str,
    *,
    profile_digest: str | None = None,
    deleted: bool | None = None,
    balance: Iterable[Money] | None = None,
) -> None:
    """What every system agrees on now; what is None stays as it is. `profile_digest` is
    AccountProfile's, `balance` by currency and positive where we owe the customer."""
    money = None if balance is None else _BALANCE.dump_json(tuple(balance)).decode()
    await conn.execute(
        _PUT,
        {
            "tenant": tenant,
            "customer": customer_id,
            "digest": profile_digest,
            "deleted": deleted,
            "balance": money,
        },
    )
