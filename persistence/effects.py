"""Rows of the effect ledger. The protocol that moves them is activities/ledger.py."""

from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.views import EffectView
from persistence.tables import ChangeRow, EffectRow


async def locked(session: AsyncSession, values: dict[str, Any]) -> EffectRow:
    """The row of this key, made from `values` if there is none, locked until the commit."""
    await session.exec(insert(EffectRow).values(**values).on_conflict_do_nothing())
    query = select(EffectRow).where(EffectRow.key == values["key"]).with_for_update()
    return (await session.exec(query)).one()


async def move(session: AsyncSession, key: str, state: str, **values: Any) -> None:
    """`values` may hold the name of a time column with None: it is set to now."""
    times = {name: func.now() for name, value in values.items() if name.endswith("_at")}
    await session.exec(
        update(EffectRow).where(col(EffectRow.key) == key).values(state=state, **values | times)
    )


async def of_change(session: AsyncSession, tenant: str, change_id: str) -> tuple[EffectView, ...]:
    """In the order in which they were first intended."""
    rows = await session.exec(
        select(EffectRow)
        .where(EffectRow.tenant == tenant, EffectRow.change_id == change_id)
        .order_by(col(EffectRow.created_at), col(EffectRow.key))
    )
    return tuple(
        EffectView(
            document=row.vendor_reference,
            undo_document=row.undo_reference,
            **row.model_dump(include=set(EffectView.model_fields)),
        )
        for row in rows
    )


async def state_of(session: AsyncSession, key: str) -> tuple[str, dict[str, Any] | None]:
    """(state, stored result); ('absent', None) when nothing was ever intended under this key."""
    row = await session.get(EffectRow, key)
    return (row.state, row.result) if row else ("absent", None)


async def left_by_lost(
    session: AsyncSession, tenant: str, subscription_id: str, step: str
) -> list[tuple[str, str]]:
    """(change id, state) of effects in doubt whose saga was lost, oldest first."""
    rows = await session.exec(
        select(EffectRow.change_id, EffectRow.state)
        .join(ChangeRow, col(ChangeRow.id) == col(EffectRow.change_id))
        .where(
            EffectRow.tenant == tenant,
            EffectRow.step == step,
            ChangeRow.subscription_id == subscription_id,
            ChangeRow.outcome == "lost",
            col(EffectRow.state).in_(
                ("attempting", "uncertain", "compensating", "compensation_uncertain")
            ),
        )
        .order_by(col(ChangeRow.seq))
    )
    return list(rows)
