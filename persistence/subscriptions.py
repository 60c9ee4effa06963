"""The last state of each subscription on which every system agreed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canonical_models.base import Canonical, Instant
from canonical_models.commerce import Subscription
from persistence.connection import Connection
from persistence.rows import all_of, fetch


@dataclass(frozen=True)
class AgreedState:
    subscription: Subscription
    change_id: str
    synced_at: datetime


class _Row(Canonical):
    snapshot: Subscription
    change_id: str
    synced_at: Instant


async def get(conn: Connection, tenant: str, subscription_id: str) -> AgreedState | None:
    found = await _select(
        conn,
        "subscription_id = %(subscription)s",
        {"tenant": tenant, "subscription": subscription_id},
    )
    return found[0] if found else None


async def page(
    conn: Connection,
    tenant: str,
    *,
    customer_id: str | None = None,
    after: str = "",
    limit: int = 50,
) -> tuple[AgreedState, ...]:
    """By subscription id; `after` is the last one seen."""
    which = all_of(
        {"customer_id = %(customer)s": customer_id, "subscription_id > %(after)s": after}
    )
    return await _select(
        conn,
        f"{which} and subscription_id > %(after)s order by subscription_id limit %(limit)s",
        {"tenant": tenant, "customer": customer_id, "after": after, "limit": limit},
    )


async def _select(
    conn: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[AgreedState, ...]:
    query = "select snapshot, change_id, synced_at from subscription_states "
    found = await fetch(conn, _Row, f"{query} where tenant = %(tenant)s and {condition}", values)
    return tuple(AgreedState(row.snapshot, row.change_id, row.synced_at) for row in found)


async def seen_at(conn: Connection, tenant: str, subscription_id: str) -> datetime | None:
    """When billing was read for the state that is agreed, by billing's clock."""
    found = await conn.execute(
        "select (snapshot ->> 'as_of')::timestamptz from subscription_states "
        "where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def save(
    conn: Connection,
    tenant: str,
    subscription: Subscription,
    change_id: str,
) -> None:
    await conn.execute(
        "insert into subscription_states "
        "(tenant, subscription_id, customer_id, change_id, snapshot, synced_at) "
        "values (%s, %s, %s, %s, %s::jsonb, now()) "
        "on conflict (tenant, subscription_id) do update set customer_id = excluded.customer_id, "
        "change_id = excluded.change_id, snapshot = excluded.snapshot, synced_at = now()",
        (
            tenant,
            subscription.subscription_id,
            subscription.customer.customer_id,
            change_id,
            subscription.model_dump_json(),
        ),
    )
