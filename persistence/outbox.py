"""Canonical events on their way out, written in the transaction of what they tell."""

from collections.abc import Iterable

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.events import Event
from persistence.raw import Transaction, driver
from persistence.tables import OutboxRow

_PUBLISH = """
insert into outbox (event_id, tenant, type, subject, event)
select told.id, %s, told.type, told.subject, told.event::jsonb
from unnest(%s::text[], %s::text[], %s::text[], %s::text[])
  with ordinality as told (id, type, subject, event, place)
order by told.place on conflict do nothing
"""


async def publish(session: Transaction, tenant: str, events: Iterable[Event]) -> None:
    """An event that was published before is left as it is."""
    told = tuple(events)
    if told:
        await (await driver(session)).execute(
            _PUBLISH,
            (
                tenant,
                [event.id for event in told],
                [event.type for event in told],
                [event.subject for event in told],
                [event.model_dump_json() for event in told],
            ),
        )


async def page(
    session: AsyncSession, tenant: str, *, after: int = 0, limit: int = 100
) -> tuple[tuple[int, Event], ...]:
    """In order, each with its cursor; `after` is the last cursor seen."""
    rows = await session.exec(
        select(OutboxRow)
        .where(
            OutboxRow.tenant == tenant,
            col(OutboxRow.seq) > after,
            col(OutboxRow.event).is_not(None),
        )
        .order_by(col(OutboxRow.seq))
        .limit(limit)
    )
    return tuple((row.seq, Event.model_validate(row.event, strict=False)) for row in rows)
