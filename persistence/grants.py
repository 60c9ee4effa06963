"""Grants as they are held. A grant is never overwritten: it is withdrawn and another given."""

from collections.abc import Iterable

from sqlalchemy import func
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.entitlement import Grant, GrantSource
from persistence.tables import GrantRow


def _grant(row: GrantRow) -> Grant:
    return Grant(
        source=GrantSource(row.source),
        **row.model_dump(include=set(Grant.model_fields) - {"source"}),
    )


async def of_subscription(
    session: AsyncSession, tenant: str, subscription_id: str
) -> tuple[Grant, ...]:
    """What the subscription gives and has not withdrawn, by source and feature."""
    rows = await session.exec(
        select(GrantRow)
        .where(
            GrantRow.tenant == tenant,
            GrantRow.subscription_id == subscription_id,
            col(GrantRow.withdrawn_at).is_(None),
        )
        .order_by(GrantRow.source_id, GrantRow.feature)
    )
    return tuple(map(_grant, rows))


async def of_customer(
    session: AsyncSession, tenant: str, customer_id: str, feature: str | None = None
) -> tuple[Grant, ...]:
    query = select(GrantRow).where(
        GrantRow.tenant == tenant,
        GrantRow.customer_id == customer_id,
        col(GrantRow.withdrawn_at).is_(None),
    )
    if feature is not None:
        query = query.where(GrantRow.feature == feature)
    rows = await session.exec(query.order_by(GrantRow.feature, GrantRow.source_id))
    return tuple(map(_grant, rows))


async def replace(
    session: AsyncSession,
    tenant: str,
    subscription_id: str,
    grants: Iterable[Grant],
    *,
    change_id: str,
) -> None:
    """Make `grants` all that the subscription gives. Those that stay are not touched."""
    held = await of_subscription(session, tenant, subscription_id)
    wanted = tuple(grants)
    for grant in held:
        if grant not in wanted:
            await session.exec(
                update(GrantRow)
                .where(
                    col(GrantRow.tenant) == tenant,
                    col(GrantRow.customer_id) == grant.customer_id,
                    col(GrantRow.feature) == grant.feature,
                    col(GrantRow.source) == grant.source.value,
                    col(GrantRow.source_id) == grant.source_id,
                    col(GrantRow.withdrawn_at).is_(None),
                )
                .values(withdrawn_at=func.now(), withdrawn_by=change_id)
            )
    session.add_all(
        GrantRow(
            tenant=tenant,
            change_id=change_id,
            **grant.model_dump(exclude={"source"}),
            source=grant.source.value,
        )
        for grant in wanted
        if grant not in held
    )
    await session.flush()
