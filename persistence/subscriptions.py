"""The last state of each subscription on which every system agreed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.commerce import Subscription
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


async def save(
    session: AsyncSession,
    tenant: str,
    subscription: Subscription,
    change_id: str,
) -> None:
    values = {
        "tenant": tenant,
        "subscription_id": subscription.subscription_id,
        "customer_id": subscription.customer.customer_id,
        "change_id": change_id,
        "snapshot": subscription.model_dump(mode="json"),
        "synced_at": func.now(),
    }
    await session.exec(
        insert(SubscriptionStateRow)
        .values(**values)
        .on_conflict_do_update(index_elements=["tenant", "subscription_id"], set_=values)
    )
