"""Changes whose saga should be open: which they are, which are lost, and which keep others."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from persistence import exceptions
from persistence.changes import CHANNEL


@dataclass(frozen=True, slots=True)
class Open:
    """A change whose saga should be open. `newest` is the `seq` of the last one behind it."""

    change_id: str
    seq: int
    tenant: str
    subject: str
    run_id: str | None
    newest: int = 0


_AT_WORK = text("""
select id, seq, tenant, subject, run_id from changes
where state in ('running', 'waiting') and started_at < now() - :since and seq > :after
order by seq limit :limit
""")


async def at_work(
    session: AsyncSession, *, since: timedelta, after: int, limit: int
) -> tuple[Open, ...]:
    """Changes that run or wait for longer than `since`, by `seq` from behind `after`."""
    rows = await (await session.connection()).execute(
        _AT_WORK, {"since": since, "after": after, "limit": limit}
    )
    return tuple(Open(*row) for row in rows)


async def lose(session: AsyncSession, lost: Open, summary: str) -> bool:
    """Settle a change whose saga has ended without doing so. False if it has settled after all."""
    row = await (await session.connection()).execute(
        text(
            "update changes set state = 'settled', outcome = 'lost', stage = 'lost', "
            "summary = :summary, settled_at = now() "
            "where id = :id and state in ('running', 'waiting') returning id"
        ),
        {"id": lost.change_id, "summary": summary},
    )
    if row.first() is None:
        return False
    await exceptions.cancel_of_change(session, lost.tenant, lost.change_id)
    await (await session.connection()).execute(text(f"notify {CHANNEL}"))
    return True


_OUTWAITED = text("""
select this.id, this.seq, this.tenant, this.subject, this.run_id, max(newer.seq)
from changes as this join changes as newer
  on newer.tenant = this.tenant and newer.subject = this.subject
where this.state = 'waiting' and newer.state = 'pending' group by this.id order by this.seq
""")


async def outwaited(session: AsyncSession) -> tuple[Open, ...]:
    """Changes that wait for a person while a newer one of their subject waits for them."""
    rows = await (await session.connection()).execute(_OUTWAITED)
    return tuple(Open(*row) for row in rows)
