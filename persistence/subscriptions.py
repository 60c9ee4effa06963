"""The last state of each subscription on which every system agreed."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.commerce import Subscription
from persistence.connection import Transaction, connection_of
from persistence.tables import SubscriptionStateRow


@dataclass(frozen=True)
class AgreedState:
    subscription: Subscription
    change_id: str
    synced_at: datetime


def _state(row: SubscriptionStateRow) -> AgreedState:
    return AgreedState(
        subscription=Subscription.model_validate(row.snapshot, strict=False),
        change_id=row.change_id,
        synced_at=row.synced_at,
    )


async def get(session: AsyncSession, tenant: str, subscription_id: str) -> AgreedState | None:
    row = await session.get(SubscriptionStateRow, (tenant, subscription_id))
    return _state(row) if row else None


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    customer_id: str | None = None,
    after: str = "",
    limit: int = 50,
) -> tuple[AgreedState, ...]:
    """By subscription id; `after` is the last one seen."""
    query = select(SubscriptionStateRow).where(
        SubscriptionStateRow.tenant == tenant,
        col(SubscriptionStateRow.subscription_id) > after,
    )
    if customer_id is not None:
        query = query.where(SubscriptionStateRow.customer_id == customer_id)
    rows = await session.exec(query.order_by(SubscriptionStateRow.subscription_id).limit(limit))
    return tuple(map(_state, rows))


async def seen_at(session: Transaction, tenant: str, subscription_id: str) -> datetime | None:
    """When billing was read for the state that is agreed, by billing's clock."""
    found = await (await connection_of(session)).execute(
        "select (snapshot ->> 'as_of')::timestamptz from subscription_states "
        "where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
    row = await found.fetchone()
    return row[0] if row else None


async def save(
    session: Transaction,
    tenant: str,
    subscription: Subscription,
    change_id: str,
) -> None:
    await (await connection_of(session)).execute(
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
