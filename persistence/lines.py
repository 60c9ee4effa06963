"""Which ERP document carries which billing line: a line is carried once at a time, ever."""

from collections.abc import Iterable

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.ledgering import DocumentLine
from persistence.tables import PostedLineRow


async def carried(
    session: AsyncSession, tenant: str, subscription_id: str, *, apart_from: str
) -> frozenset[str]:
    """Ids of the subscription's lines that any effect but `apart_from` carries."""
    rows = await session.exec(
        select(PostedLineRow.line_id).where(
            PostedLineRow.tenant == tenant,
            PostedLineRow.subscription_id == subscription_id,
            PostedLineRow.state != "reversed",
            PostedLineRow.effect_key != apart_from,
        )
    )
    return frozenset(rows)


async def claim(
    session: AsyncSession,
    tenant: str,
    subscription_id: str,
    effect_key: str,
    lines: Iterable[DocumentLine],
) -> frozenset[str]:
    """Claim the lines for this effect; answers those that another effect already carries.

    Lines that an earlier plan of the same effect claimed and this one does not are let go.
    """
    wanted = {line.line_id: line for line in lines}
    await release(session, tenant, effect_key)
    taken = await session.exec(
        insert(PostedLineRow)
        .values(
            [
                {
                    "tenant": tenant,
                    "line_id": line_id,
                    "subscription_id": subscription_id,
                    "effect_key": effect_key,
                    "minor": line.net.minor,
                    "currency": line.net.currency,
                }
                for line_id, line in wanted.items()
            ]
        )
        .on_conflict_do_nothing()
        .returning(col(PostedLineRow.line_id))
    )
    return frozenset(wanted) - frozenset(taken.scalars())


async def release(session: AsyncSession, tenant: str, effect_key: str) -> None:
    """The document was refused or never made: its lines may be posted by another."""
    await session.exec(
        delete(PostedLineRow).where(
            col(PostedLineRow.tenant) == tenant,
            col(PostedLineRow.effect_key) == effect_key,
            col(PostedLineRow.state) == "claimed",
        )
    )


async def settle(
    session: AsyncSession, tenant: str, effect_key: str, *, state: str, document_id: str
) -> None:
    """`posted` with the document's key, or `reversed` with that of the reversing one."""
    await session.exec(
        update(PostedLineRow)
        .where(
            col(PostedLineRow.tenant) == tenant,
            col(PostedLineRow.effect_key) == effect_key,
            col(PostedLineRow.state) != "reversed",
        )
        .values(state=state, document_id=document_id, updated_at=func.now())
    )
