"""Master data that people keep, effective-dated: setting a mapping closes the one before."""

from sqlalchemy import func, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.ledgering import AccountMapping, ItemMapping
from canonical_models.views import MappingView
from persistence.tables import MappingRow


async def put(
    session: AsyncSession, tenant: str, mapping: AccountMapping | ItemMapping, *, by: str
) -> None:
    """From now on this holds; the mapping before it stays on record with its end."""
    match mapping:
        case AccountMapping():
            kind, source = "account", mapping.billing_customer
        case ItemMapping():
            kind, source = "item", mapping.item
    target = mapping.model_dump(mode="json")
    open_now = await session.exec(
        select(MappingRow)
        .where(
            MappingRow.tenant == tenant,
            MappingRow.kind == kind,
            MappingRow.source == source,
            col(MappingRow.valid_to).is_(None),
        )
        .with_for_update()
    )
    for row in open_now:
        if row.target == target:
            return
        await session.exec(
            update(MappingRow)
            .where(col(MappingRow.id) == row.id)
            .values(valid_to=func.clock_timestamp())
        )
    await session.exec(
        insert(MappingRow).values(
            tenant=tenant,
            kind=kind,
            source=source,
            target=target,
            valid_from=func.clock_timestamp(),
            set_by=by,
        )
    )


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    kind: str | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int = 100,
) -> tuple[MappingView, ...]:
    """Those that hold now, by kind and source; `after` is kind and source of the last one seen."""
    query = select(MappingRow).where(
        MappingRow.tenant == tenant,
        tuple_(col(MappingRow.kind), col(MappingRow.source)) > after,
        col(MappingRow.valid_to).is_(None),
    )
    if kind is not None:
        query = query.where(MappingRow.kind == kind)
    rows = await session.exec(query.order_by(MappingRow.kind, MappingRow.source).limit(limit))
    return tuple(
        MappingView(**row.model_dump(include=set(MappingView.model_fields))) for row in rows
    )
