"""Canonical events on their way out, written in the transaction of what they tell, and with them a
delivery for each stream that is told."""

from collections.abc import Iterable

from canonical_models.events import NAMESPACE, Event, lifted
from persistence.connection import Connection

#: Whether the stream `s` is told of the event `told`.
WANTED = f"""
(s.types = '{{}}' or exists (select from unnest(s.types) as wanted where told.type
   like '{NAMESPACE}.' || replace(replace(wanted, '_', '\\_'), '*', '%%')))
and (s.team is null or told.event #>> '{{data,owner}}' = s.team)
"""

# Whoever has drawn a position is seen to write: see `_COMPLETE_TO`.
_PUBLISH = f"""
with told as (
  insert into outbox (event_id, tenant, type, subject, event)
  select told.id, %s, told.type, told.subject, told.event::jsonb
  from unnest(%s::text[], %s::text[], %s::text[], %s::text[])
    with ordinality as told (id, type, subject, event, place)
  where pg_current_xact_id() is not null
  order by told.place on conflict do nothing
  returning seq, tenant, type, subject, event
)
insert into deliveries (seq, stream, tenant, subject)
select told.seq, s.id, told.tenant, told.subject
from told join streams s on s.tenant = told.tenant and s.transport = 'http' and {WANTED}
"""  # noqa: S608 - put together from constants

_PAGE = """
select seq, event from outbox where tenant = %(tenant)s and seq > %(after)s and event is not null
order by seq limit %(limit)s
"""

# Positions are drawn before the commit, and in another order than transactions begin. One that is
# still open has drawn its own since it began: what was drawn before the oldest of them began, is
# complete. Asked before the page is read: what has ended by then is seen.
_COMPLETE_TO = """
select least(statement_timestamp(), (
  select min(xact_start) from pg_stat_activity
  where datname = current_database() and application_name = 'trueup'
    and backend_xid is not null and pid <> pg_backend_pid()
))
"""

_FEED = """
select seq, event from outbox
where tenant = %(tenant)s and seq > %(after)s and event is not null and created_at < %(to)s
order by seq limit %(limit)s
"""


async def publish(conn: Connection, tenant: str, events: Iterable[Event]) -> None:
    """An event that was published before is left as it is, and told to nobody again."""
    told = tuple(events)
    if told:
        await conn.execute(
            _PUBLISH.encode(),
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
    return await _events(conn, _PAGE, {"tenant": tenant, "after": after, "limit": limit})


async def feed(
    conn: Connection, tenant: str, *, after: int, limit: int
) -> tuple[tuple[int, Event], ...]:
    """Published events in order, each with its position; none that a later call could precede. On a
    connection where each statement is a transaction of its own."""
    (to,) = await (await conn.execute(_COMPLETE_TO)).fetchone() or (None,)
    which = {"tenant": tenant, "after": after, "limit": limit, "to": to}
    return await _events(conn, _FEED, which)


async def _events(
    conn: Connection, query: str, which: dict[str, object]
) -> tuple[tuple[int, Event], ...]:
    found = await conn.execute(query.encode(), which)
    return tuple((seq, read(event)) for seq, event in await found.fetchall())


def read(event: object) -> Event:
    """As it is published today, whatever version it was kept in."""
    return lifted(Event.model_validate(event, strict=False))
