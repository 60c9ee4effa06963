"""Canonical events on their way out, written in the transaction of what they tell."""

from collections.abc import Iterable

from canonical_models.events import Event
from persistence.connection import Connection

_PUBLISH = """
insert into outbox (event_id, tenant, type, subject, event)
select told.id, %s, told.type, told.subject, told.event::jsonb
from unnest(%s::text[], %s::text[], %s::text[], %s::text[])
  with ordinality as told (id, type, subject, event, place)
order by told.place on conflict do nothing
"""

_PAGE = """
select seq, event from outbox where tenant = %(tenant)s and seq > %(after)s and event is not null
order by seq limit %(limit)s
"""

_FEED = """
select seq, event from outbox
where tenant = %(tenant)s and seq > %(after)s and event is not null
  and age(xmin) > age(cast(pg_snapshot_xmin(pg_current_snapshot()) as xid))
order by seq limit %(limit)s
"""


async def publish(conn: Connection, tenant: str, events: Iterable[Event]) -> None:
    """An event that was published before is left as it is."""
    told = tuple(events)
    if told:
        await conn.execute(
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
    conn: Connection, tenant: str, *, after: int = 0, limit: int = 100
) -> tuple[tuple[int, Event], ...]:
    """In order, each with its cursor; `after` is the last cursor seen."""
    return await _events(conn, _PAGE, tenant, after, limit)


async def feed(
    conn: Connection, tenant: str, *, after: int, limit: int
) -> tuple[tuple[int, Event], ...]:
    """Published events in order, each with its position; none that a later call could precede.

    Positions are drawn before the commit, so a transaction that is still open may yet publish at a
    lower one: what is as young as the oldest of those waits for it.
    """
    return await _events(conn, _FEED, tenant, after, limit)


async def _events(
    conn: Connection, query: str, tenant: str, after: int, limit: int
) -> tuple[tuple[int, Event], ...]:
    found = await conn.execute(query.encode(), {"tenant": tenant, "after": after, "limit": limit})
    return tuple(
        (seq, Event.model_validate(event, strict=False)) for seq, event in await found.fetchall()
    )
