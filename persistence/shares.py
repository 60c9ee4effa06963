"""What each subscription asks of support, and the lock under which an organisation is written."""

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.entitlement import SubscriptionSupport
from persistence.tables import SupportShareRow


async def get(
    session: AsyncSession, tenant: str, subscription_id: str
) -> SubscriptionSupport | None:
    row = await session.get(SupportShareRow, (tenant, subscription_id))
    return SubscriptionSupport.model_validate(row.share, strict=False) if row else None


async def of_organization(
    session: AsyncSession, tenant: str, organization: str, *, apart_from: str | None = None
) -> tuple[SubscriptionSupport, ...]:
    query = select(SupportShareRow).where(
        SupportShareRow.tenant == tenant, SupportShareRow.organization == organization
    )
    if apart_from is not None:
        query = query.where(SupportShareRow.subscription_id != apart_from)
    rows = await session.exec(query.order_by(SupportShareRow.subscription_id))
    return tuple(SubscriptionSupport.model_validate(row.share, strict=False) for row in rows)


async def lock(session: AsyncSession, tenant: str, organization: str) -> None:
    """Until the commit, nobody else decides what this organisation shows.

    Two subscriptions of one customer may change at the same time; each must see the other's share.
    """
    await (await session.connection()).execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"support/{tenant}/{organization}"},
    )


async def put(
    session: AsyncSession,
    tenant: str,
    subscription_id: str,
    organization: str,
    share: SubscriptionSupport,
) -> None:
    values = {
        "tenant": tenant,
        "subscription_id": subscription_id,
        "organization": organization,
        "share": share.model_dump(mode="json"),
        "updated_at": func.now(),
    }
    await session.exec(
        insert(SupportShareRow)
        .values(**values)
        .on_conflict_do_update(index_elements=["tenant", "subscription_id"], set_=values)
    )
