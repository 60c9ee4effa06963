"""Questions that people ask across tables; nothing a saga depends on."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.events import Event
from persistence.changes import CHANNEL
from persistence.raw import Transaction, driver
from persistence.tables import ChangeRow, InboxRow

_FEED = text("""
select seq, event from outbox
where tenant = :tenant and seq > :after and event is not null
  and age(xmin) > age(cast(pg_snapshot_xmin(pg_current_snapshot()) as xid))
order by seq
limit :limit
""")


_LOCK = text("""
select lock_subject(tenant, subject) from changes
where tenant = :tenant and id = :change and state = 'pending'
""")


async def proof(session: AsyncSession, tenant: str, change_id: str) -> dict[str, Any] | None:
    """What every system said when the change was settled."""
    rows = await session.exec(
        select(ChangeRow.proof).where(ChangeRow.tenant == tenant, ChangeRow.id == change_id)
    )
    found = rows.one_or_none()
    return None if found is None else dict(found)


async def cancel_pending(session: AsyncSession, tenant: str, change_id: str, summary: str) -> bool:
    """Settle a change that nobody has begun; False when it has been begun or settled."""
    # Before the row: see the order of locks in the schema.
    await (await session.connection()).execute(_LOCK, {"tenant": tenant, "change": change_id})
    cancelled = await session.exec(
        update(ChangeRow)
        .where(
            col(ChangeRow.tenant) == tenant,
            col(ChangeRow.id) == change_id,
            col(ChangeRow.state) == "pending",
        )
        .values(
            state="settled",
            outcome="cancelled",
            stage="cancelled",
            summary=summary,
            settled_at=func.now(),
        )
    )
    if not cancelled.rowcount:
        return False
    # The next change of the subject need not wait for a poll.
    await (await session.connection()).execute(text(f"notify {CHANNEL}"))
    return True


async def receipt_of(session: AsyncSession, tenant: str, change_id: str) -> str | None:
    """The webhook that gave rise to the change; a replay's change has the first one's."""
    rows = await session.exec(
        select(InboxRow.receipt)
        .join(
            ChangeRow,
            (col(ChangeRow.tenant) == col(InboxRow.tenant))
            & (col(ChangeRow.connection) == col(InboxRow.connection))
            & (func.regexp_replace(ChangeRow.event_id, "#r[0-9]+$", "") == InboxRow.event_id),
        )
        .where(ChangeRow.tenant == tenant, ChangeRow.id == change_id)
    )
    return rows.first()


async def schema_version(session: AsyncSession) -> str | None:
    """The migration that the database is at; None before the first."""
    connection = await session.connection()
    known = await connection.execute(text("select to_regclass('alembic_version')"))
    if known.scalar_one() is None:
        return None
    found = await connection.execute(text("select version_num from alembic_version"))
    version: str | None = found.scalar_one_or_none()
    return version


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


async def asked_by(
    session: Transaction, tenant: str, workflow_ids: Collection[str]
) -> dict[str, str]:
    """The open exception of each of these processes that asks a person."""
    found = await (await driver(session)).execute(
        "select workflow_id, id from exceptions "
        "where tenant = %s and state = 'open' and change_id = any(%s) and workflow_id = change_id",
        (tenant, list(workflow_ids)),
    )
    return {row[0]: row[1] for row in await found.fetchall()}
