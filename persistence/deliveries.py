"""Events on their way to receivers: each by itself, those of one subject one after another.

Who sends one claims it for a while and holds no lock meanwhile; it is told once that has been
written down. A crash between the two has the next one send the same again, and lose nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from canonical_models.events import Event
from canonical_models.streams import Answer, Delivery, DeliveryState
from persistence.connection import Connection
from persistence.outbox import WANTED, read
from persistence.rows import all_of, columns, fetch, fetch_one
from persistence.streams import Receiver


@dataclass(frozen=True)
class Due:
    """`until` names the claim. Without `event` the retention policy has dropped it."""

    to: Receiver
    position: int
    event: Event | None
    attempts: int
    until: datetime


# What waits behind one that is tried later is looked at then: of a receiver that is away for days
# there may be very many.
_PUT_OFF = """
with due as (
  select seq, subject from deliveries
  where stream = %(stream)s and state = 'pending' and due_at <= now()
  order by due_at, seq limit 1000
)
update deliveries d set due_at = first.due_at
from due cross join lateral (
  select e.due_at from deliveries e
  where e.stream = %(stream)s and e.subject = due.subject and e.state = 'pending'
  order by e.seq limit 1
) first
where d.stream = %(stream)s and d.seq = due.seq and first.due_at > now()
"""

# It was put off.
_NEXT_NOW = """
update deliveries d set due_at = now()
from deliveries done
where done.stream = %(stream)s and done.seq = %(position)s and d.stream = done.stream
  and d.subject = done.subject and d.state = 'pending' and d.attempts = 0 and d.due_at > now()
  and d.seq = (select min(e.seq) from deliveries e where e.stream = done.stream
    and e.subject = done.subject and e.state = 'pending')
"""

# What waits behind another one of its subject is not looked at before that is through.
_CLAIM = """
with picked as (
  select d.seq from deliveries d
  where d.stream = %(stream)s and d.state = 'pending' and d.due_at <= now()
    and (d.claimed_until is null or d.claimed_until <= now())
    and not exists (select from deliveries e where e.stream = d.stream and e.subject = d.subject
      and e.seq < d.seq and e.state = 'pending')
  order by d.due_at, d.seq limit %(places)s for update of d skip locked
)
update deliveries d set claimed_until = now() + %(patience)s
from picked p join outbox o on o.seq = p.seq
where d.stream = %(stream)s and d.seq = p.seq
returning d.seq, o.event, d.attempts, d.claimed_until
"""

_CLAIM_AGAIN = """
update deliveries d set state = 'pending', attempts = 0, due_at = now(),
  claimed_until = now() + %(patience)s
from outbox o
where d.stream = %(stream)s and d.seq = %(position)s and o.seq = d.seq and o.event is not null
  and (d.claimed_until is null or d.claimed_until <= now())
returning d.seq, o.event, d.attempts, d.claimed_until
"""

_RECORD = """
update deliveries set state = %(state)s, attempts = attempts + 1, claimed_until = null,
  tried_at = now(), status = %(status)s, answer = %(answer)s, error = %(error)s,
  due_at = case when %(again_in)s::interval is null then due_at
    else now() + %(again_in)s * (1 + random() / 10) end,
  delivered_at = case when %(state)s = 'delivered' then now() else delivered_at end
where stream = %(stream)s and seq = %(position)s and claimed_until = %(until)s
"""

_SELECT = (
    "select "  # noqa: S608 - put together from constants
    + columns(
        Delivery,
        position="d.seq",
        event_id="o.event_id",
        type="o.type",
        subject="d.subject",
        status="d.status",
    )
    + " from deliveries d join outbox o on o.seq = d.seq "
    "where d.tenant = %(tenant)s and d.stream = %(stream)s"
)

_DEAD_AGAIN = """
update deliveries d set state = 'pending', attempts = 0, due_at = now(), claimed_until = null
from outbox o where d.stream = %(stream)s and d.state = 'dead' and o.seq = d.seq
  and o.event is not null
"""

_SINCE_AGAIN = f"""
insert into deliveries (seq, stream, tenant, subject)
select told.seq, s.id, told.tenant, told.subject
from outbox told join streams s on s.id = %(stream)s
where told.tenant = s.tenant and told.created_at >= %(since)s and told.event is not null
  and {WANTED}
order by told.seq
on conflict (seq, stream) do update set state = 'pending', attempts = 0, due_at = now()
  where deliveries.state <> 'pending'
"""  # noqa: S608 - put together from constants


async def claim(
    conn: Connection, to: Receiver, *, places: int, patience: timedelta
) -> tuple[Due, ...]:
    """So many at most that may be sent now: of each subject the oldest."""
    which = {"stream": to.stream, "places": places, "patience": patience}
    if to.failing:
        await conn.execute(_PUT_OFF, {"stream": to.stream})
    return await _claimed(conn, to, _CLAIM, which)


async def claim_again(
    conn: Connection, to: Receiver, position: int, *, patience: timedelta
) -> Due | None:
    """Whatever has become of it; None where it is not there any more, or is being sent."""
    which = {"stream": to.stream, "position": position, "patience": patience}
    return next(iter(await _claimed(conn, to, _CLAIM_AGAIN, which)), None)


async def _claimed(
    conn: Connection, to: Receiver, query: str, which: dict[str, object]
) -> tuple[Due, ...]:
    found = await conn.execute(query.encode(), which)
    return tuple(
        Due(to, position, None if event is None else read(event), attempts, until)
        for position, event, attempts, until in await found.fetchall()
    )


async def record(
    conn: Connection, due: Due, answer: Answer, *, again_in: timedelta | None
) -> DeliveryState | None:
    """What became of it; it is dead where it is not to be tried again. None where the claim has
    run out, and another one has it."""
    state = DeliveryState.DELIVERED
    if not answer.taken:
        state = DeliveryState.DEAD if again_in is None else DeliveryState.PENDING
    written = await conn.execute(
        _RECORD,
        {
            "stream": due.to.stream,
            "position": due.position,
            "until": due.until,
            "state": state.value,
            "status": answer.status,
            "answer": answer.body,
            "error": answer.words,
            "again_in": None if answer.taken else again_in,
        },
    )
    if not written.rowcount:
        return None
    if state is not DeliveryState.PENDING:
        await conn.execute(_NEXT_NOW, {"stream": due.to.stream, "position": due.position})
    return state


async def page(
    conn: Connection,
    to: Receiver,
    *,
    state: DeliveryState | None,
    subject: str | None,
    before: int | None,
    limit: int,
) -> tuple[Delivery, ...]:
    """The newest first."""
    given = {
        "d.state = %(state)s": state,
        "d.subject = %(subject)s": subject,
        "d.seq < %(before)s": before,
    }
    return await fetch(
        conn,
        Delivery,
        f"{_SELECT} and {all_of(given)} order by d.seq desc limit %(limit)s",
        {
            "tenant": to.tenant,
            "stream": to.stream,
            "state": state,
            "subject": subject,
            "before": before,
            "limit": limit,
        },
    )


async def get(conn: Connection, to: Receiver, position: int) -> Delivery | None:
    return await fetch_one(
        conn,
        Delivery,
        f"{_SELECT} and d.seq = %(position)s",
        {"tenant": to.tenant, "stream": to.stream, "position": position},
    )


async def dead_again(conn: Connection, to: Receiver) -> int:
    """All that are dead are tried anew; how many."""
    return (await conn.execute(_DEAD_AGAIN, {"stream": to.stream})).rowcount


async def since_again(conn: Connection, to: Receiver, since: datetime) -> int:
    """All that the stream is told of and was published since then, delivered or not, and what was
    before the stream; how many."""
    which = {"stream": to.stream, "since": since}
    return (await conn.execute(_SINCE_AGAIN.encode(), which)).rowcount
