"""What each subscription asks of support, and the lock under which an organisation is written."""

from typing import Any

from psycopg import AsyncCursor
from pydantic import TypeAdapter

from canonical_models.entitlement import SubscriptionSupport
from persistence.raw import Transaction, driver

_SHARES = TypeAdapter(tuple[SubscriptionSupport, ...])

_ASKED = """
select coalesce(json_agg(share order by subscription_id), '[]')::text from support_shares
where tenant = %s and organization = %s
"""

_PUT = """
insert into support_shares (tenant, subscription_id, organization, share, updated_at)
values (%s, %s, %s, %s::jsonb, now())
on conflict (tenant, subscription_id) do update set organization = excluded.organization,
  share = excluded.share, updated_at = now()
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
) -> tuple[SubscriptionSupport, ...]:
    """The same with this subscription's share put in."""
    raw = await driver(session)
    async with raw.pipeline():
        await raw.execute(_LOCK, (f"support/{tenant}/{organization}",))
        await raw.execute(_PUT, (tenant, subscription_id, organization, share.model_dump_json()))
        found = await raw.execute(_ASKED, (tenant, organization))
    return await _shares(found)


async def put(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    organization: str,
    share: SubscriptionSupport,
) -> None:
    await (await driver(session)).execute(
        _PUT, (tenant, subscription_id, organization, share.model_dump_json())
    )


async def _shares(found: AsyncCursor[tuple[Any, ...]]) -> tuple[SubscriptionSupport, ...]:
    row = await found.fetchone()
    return _SHARES.validate_json(row[0] if row else "[]")
