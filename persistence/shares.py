"""What each subscription asks of support, and the lock under which an organisation is written.

A share that moves to another organisation is remembered as left at the one before, until that one
is shown without it: the customer's process of support hears of it, in the same transaction.
"""

from typing import Any

from psycopg import AsyncCursor
from pydantic import TypeAdapter

from canonical_models.entitlement import SubscriptionSupport
from canonical_models.process import SUPPORT_TARGET, entitlement_process
from persistence import processes
from persistence.raw import Raw, Transaction, driver

_SHARES = TypeAdapter(tuple[SubscriptionSupport, ...])

_ASKED = """
select coalesce(json_agg(share order by subscription_id), '[]')::text from support_shares
where tenant = %s and organization = %s
"""

#: Whether it is left anywhere: what it moves to is not left, and what it moves from is.
_PUT = """
insert into support_shares as known
  (tenant, subscription_id, customer_id, organization, share, updated_at)
values (%s, %s, %s, %s, %s::jsonb, now())
on conflict (tenant, subscription_id) do update set customer_id = excluded.customer_id,
  organization = excluded.organization, share = excluded.share, updated_at = now(),
  left_at = case when known.organization = excluded.organization then known.left_at
    else array_append(array_remove(known.left_at, excluded.organization), known.organization) end
returning left_at <> '{}'
"""

_MOVE = """
update support_shares set organization = %(to)s, updated_at = now(),
  left_at = array_append(array_remove(left_at, %(to)s), organization)
where tenant = %(tenant)s and customer_id = %(customer)s and organization <> %(to)s
"""

_LEFT = """
select distinct unnest(left_at) from support_shares
where tenant = %s and customer_id = %s order by 1
"""

_TAKEN_BACK = """
update support_shares set left_at = array_remove(left_at, %(from)s)
where tenant = %(tenant)s and customer_id = %(customer)s and %(from)s = any(left_at)
  and organization <> %(from)s
"""

_LOCK = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"


async def asked_for(
    session: Transaction, tenant: str, organization: str
) -> tuple[SubscriptionSupport, ...]:
    """What all of its subscriptions ask. Until the commit, nobody else decides what it shows:
    two subscriptions of one customer may change at the same time, and each must see the other's
    share."""
    raw = await driver(session)
    async with raw.pipeline():
        await raw.execute(_LOCK, (f"support/{tenant}/{organization}",))
        found = await raw.execute(_ASKED, (tenant, organization))
    return await _shares(found)


async def asked_with(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    organization: str,
    share: SubscriptionSupport,
    *,
    customer_id: str,
) -> tuple[SubscriptionSupport, ...]:
    """The same with this subscription's share put in."""
    raw = await driver(session)
    values = (tenant, subscription_id, customer_id, organization, share.model_dump_json())
    async with raw.pipeline():
        await raw.execute(_LOCK, (f"support/{tenant}/{organization}",))
        put_in = await raw.execute(_PUT, values)
        found = await raw.execute(_ASKED, (tenant, organization))
    await _tell_of_left(raw, put_in, tenant, customer_id)
    return await _shares(found)


async def put(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    organization: str,
    share: SubscriptionSupport,
    *,
    customer_id: str,
    tell: bool = True,
) -> None:
    """Without `tell` the process of support is not told: it is the one that moves the share."""
    raw = await driver(session)
    put_in = await raw.execute(
        _PUT, (tenant, subscription_id, customer_id, organization, share.model_dump_json())
    )
    if tell:
        await _tell_of_left(raw, put_in, tenant, customer_id)


async def move(session: Transaction, tenant: str, customer_id: str, *, to: str) -> None:
    """All that is asked for the customer is asked of this organisation from now on."""
    await (await driver(session)).execute(
        _MOVE, {"tenant": tenant, "customer": customer_id, "to": to}
    )


async def left(session: Transaction, tenant: str, customer_id: str) -> tuple[str, ...]:
    """Organisations that still show what has moved away from them."""
    found = await (await driver(session)).execute(_LEFT, (tenant, customer_id))
    return tuple(row[0] for row in await found.fetchall())


async def taken_back(
    session: Transaction, tenant: str, customer_id: str, organization: str
) -> None:
    """The organisation no longer shows it."""
    await (await driver(session)).execute(
        _TAKEN_BACK, {"tenant": tenant, "customer": customer_id, "from": organization}
    )


async def _tell_of_left(
    raw: Raw, put_in: AsyncCursor[tuple[Any, ...]], tenant: str, customer_id: str
) -> None:
    row = await put_in.fetchone()
    if row is not None and row[0]:
        await processes.news(raw, [entitlement_process(tenant, customer_id, SUPPORT_TARGET)])


async def _shares(found: AsyncCursor[tuple[Any, ...]]) -> tuple[SubscriptionSupport, ...]:
    row = await found.fetchone()
    return _SHARES.validate_json(row[0] if row else "[]")
