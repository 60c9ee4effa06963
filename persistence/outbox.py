"""Canonical events on their way out, written in the transaction of what they tell."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.events import Event
from persistence.connection import Transaction, connection_of
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
        await (await connection_of(session)).execute(
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


_FEED = text("""
select seq, event from outbox
where tenant = :tenant and seq > :after and event is not null
  and age(xmin) > age(cast(pg_snapshot_xmin(pg_current_snapshot()) as xid))
order by seq
limit :limit
""")


async def feed(
    session: AsyncSession, tenant: str, *, after: int, limit: int
) -> tuple[tuple[int, Event], ...]:
    """Published events in order, each with its position; none that a later call could precede.

    Positions are drawn before the commit, so a transaction that is still open may yet publish at a
    lower one: what is as young as the oldest of those waits for it.
    """
    connection = await session.connection()
    rows = await connection.execute(_FEED, {"tenant": tenant, "after": after, "limit": limit})
    return tuple((seq, Event.model_validate(event, strict=False)) for seq, event in rows)
