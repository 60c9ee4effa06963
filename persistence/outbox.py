"""Canonical events on their way out, written in the transaction of what they tell."""

from collections.abc import Iterable

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.events import Event
from persistence.tables import OutboxRow


async def publish(session: AsyncSession, tenant: str, events: Iterable[Event]) -> None:
    """An event that was published before is left as it is."""
    rows = [
        {
            "event_id": event.id,
            "tenant": tenant,
            "type": event.type,
            "subject": event.subject,
            "event": event.model_dump(mode="json"),
        }
        for event in events
    ]
    if rows:
        await session.exec(insert(OutboxRow).values(rows).on_conflict_do_nothing())


async def page(
    session: AsyncSession, tenant: str, *, after: int = 0, limit: int = 100
) -> tuple[tuple[int, Event], ...]:
    """In order, each with its cursor; `after` is the last cursor seen."""
    rows = await session.exec(
        select(OutboxRow)
        .where(OutboxRow.tenant == tenant, col(OutboxRow.seq) > after)
        .order_by(col(OutboxRow.seq))
        .limit(limit)
    )
    return tuple((row.seq, Event.model_validate(row.event, strict=False)) for row in rows)
