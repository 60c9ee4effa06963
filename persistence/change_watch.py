"""Changes whose saga should be open: which they are, which have lost it, and which keep others."""

from dataclasses import dataclass
from datetime import timedelta

from canonical_models.exceptions import SAGA_LOST
from persistence import change_queue
from persistence.connection import Connection


@dataclass(frozen=True, slots=True)
class Open:
    """A change whose saga should be open, of its claim `epoch`. `newest` is the `seq` of the last
    one behind it."""

    change_id: str
    seq: int
    tenant: str
    subject: str
    run_id: str | None
    newest: int = 0
    epoch: int = 0


#: A change that operations is asked about because its sagas were lost: there is none to look for.
STOPPED = f"waiting: {SAGA_LOST}"

_AT_WORK = """
select id, seq, tenant, subject, run_id, 0, epoch from changes
where state in ('running', 'waiting') and stage is distinct from %(stopped)s
  and coalesce(started_at, claimed_at, received_at) < now() - %(since)s and seq > %(after)s
order by seq limit %(limit)s
"""


async def at_work(
    conn: Connection, *, since: timedelta, after: int, limit: int
) -> tuple[Open, ...]:
    """Changes that run or wait for longer than `since`, by `seq` from behind `after`."""
    found = await conn.execute(
        _AT_WORK, {"since": since, "after": after, "limit": limit, "stopped": STOPPED}
    )
    return tuple(Open(*row) for row in await found.fetchall())


@dataclass(frozen=True, slots=True)
class Lost:
    """A change whose saga has ended without settling it, `times` counting this one."""

    customer_id: str | None
    times: int


async def lost(conn: Connection, seen: Open) -> Lost | None:
    """Locked until the commit. None if it has been settled, or claimed anew, since it was seen."""
    found = await conn.execute(
        "select customer_id, requeued + 1 from changes "
        "where id = %(id)s and epoch = %(epoch)s and state in ('running', 'waiting') "
        "for no key update",
        {"id": seen.change_id, "epoch": seen.epoch},
    )
    row = await found.fetchone()
    return Lost(*row) if row else None


async def stop(conn: Connection, change_id: str) -> None:
    """It waits for operations, and for no saga: none of its runs is the owner any more."""
    await conn.execute(
        "update changes set state = 'waiting', stage = %(stopped)s, run_id = null, "
        "epoch = epoch + 1 where id = %(id)s",
        {"id": change_id, "stopped": STOPPED},
    )


async def go_on(conn: Connection, change_id: str, *, why: str) -> bool:
    """Operations has decided: it is queued anew, and may be lost as often as before. False where it
    was not stopped."""
    found = await conn.execute(
        "select from changes where id = %(id)s and stage = %(stopped)s for no key update",
        {"id": change_id, "stopped": STOPPED},
    )
    if not found.rowcount:
        return False
    await change_queue.requeue(conn, change_id, why=why, lost=False)
    await conn.execute("update changes set requeued = 0 where id = %(id)s", {"id": change_id})
    return True


_OUTWAITED = """
select this.id, this.seq, this.tenant, this.subject, this.run_id, newer.seq
from changes as newer join changes as this
  on this.tenant = newer.tenant and this.subject = newer.subject and this.state = 'waiting'
where newer.news = 1 and newer.state = 'pending' limit %(limit)s
"""


async def outwaited(conn: Connection, *, limit: int = 100) -> tuple[Open, ...]:
    """Changes that wait for a person while a newer one of their subject waits for them, which
    their saga has not been told of."""
    found = await conn.execute(_OUTWAITED, {"limit": limit})
    return tuple(Open(*row) for row in await found.fetchall())


async def told(conn: Connection, waiting: Open) -> None:
    """Its saga has heard of what is behind it, up to `newest`."""
    await conn.execute(
        "update changes set news = 2 where tenant = %(tenant)s and subject = %(subject)s "
        "and seq = %(newest)s and news = 1",
        {"tenant": waiting.tenant, "subject": waiting.subject, "newest": waiting.newest},
    )
