"""The inbox for those who look into it, replay it, and turn it into changes.

Webhooks get in through `inbox_writer`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Text, bindparam, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.base import Canonical, Instant
from canonical_models.states import InboxStatus
from persistence.inbox_writer import storable
from persistence.tables import ChangeRow, InboxRow

#: Wakes the dispatcher: something has been received.
CHANNEL = "trueup_inbox"

#: One dispatcher at a time turns events into changes, so that they get their order from one.
_DRAIN_LOCK = 7_716_356


class InboxView(Canonical):
    """One webhook without its body."""

    inbox_id: int
    receipt: str
    tenant: str
    connection: str
    event_id: str
    event_type: str
    status: InboxStatus
    reason: str | None
    change_id: str | None
    replays: int
    #: Bytes of the body.
    size: int
    received_at: Instant
    settled_at: Instant | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What has been received and waits to be understood. `replays` counts the times since."""

    inbox_id: int
    tenant: str
    connection: str
    event_id: str
    event_type: str
    replays: int
    received_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of an arrival: a change, ignored, or a dead letter with its reason."""

    inbox_id: int
    status: InboxStatus
    change_id: str | None = None
    reason: str | None = None


_SHOWN = (
    col(InboxRow.id).label("inbox_id"),
    *(
        getattr(InboxRow, name)
        for name in InboxView.model_fields
        if name not in {"inbox_id", "size"}
    ),
    func.octet_length(InboxRow.body).label("size"),
)


def _view(row: Any) -> InboxView:
    shown = dict(row._mapping)
    return InboxView(status=InboxStatus(shown.pop("status")), **shown)


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    before: int | None = None,
    limit: int = 50,
    status: InboxStatus | None = None,
    event_type: str | None = None,
) -> tuple[InboxView, ...]:
    """Newest first; `before` is the `inbox_id` of the last one seen."""
    query: Any = select(*_SHOWN).where(InboxRow.tenant == tenant)
    if before is not None:
        query = query.where(col(InboxRow.id) < before)
    if status is not None:
        query = query.where(InboxRow.status == status)
    if event_type is not None:
        query = query.where(InboxRow.event_type == event_type)
    rows = await session.exec(query.order_by(col(InboxRow.id).desc()).limit(limit))
    return tuple(map(_view, rows))


async def get(session: AsyncSession, tenant: str, inbox_id: int) -> InboxView | None:
    query: Any = select(*_SHOWN).where(InboxRow.tenant == tenant, InboxRow.id == inbox_id)
    row = (await session.exec(query)).one_or_none()
    return _view(row) if row else None


async def find(session: AsyncSession, tenant: str, receipt: str) -> InboxView | None:
    """By receipt; looks through the tenant's whole inbox."""
    query: Any = select(*_SHOWN).where(InboxRow.tenant == tenant, InboxRow.receipt == receipt)
    row = (await session.exec(query)).one_or_none()
    return _view(row) if row else None


async def body(session: AsyncSession, tenant: str, inbox_id: int) -> bytes | None:
    """The signed bytes as they came. They may hold personal data: never log them."""
    query = select(InboxRow.body).where(InboxRow.tenant == tenant, InboxRow.id == inbox_id)
    return (await session.exec(query)).one_or_none()


async def replay(
    session: AsyncSession, tenant: str, inbox_ids: Collection[int]
) -> tuple[InboxView, ...]:
    """Let the dispatcher read them again; those that still wait to be read, or whose body was
    dropped by the retention policy, stay as they are.

    A replay makes a new change only when every change of the event has settled. Returns those of
    `inbox_ids` that exist in this tenant.
    """
    await session.exec(
        update(InboxRow)
        .where(
            col(InboxRow.tenant) == tenant,
            col(InboxRow.id).in_(inbox_ids),
            col(InboxRow.status) != InboxStatus.RECEIVED,
            # Without its body there is nothing to read.
            func.octet_length(InboxRow.body) > 0,
        )
        .values(
            status=InboxStatus.RECEIVED,
            reason=None,
            settled_at=None,
            replays=col(InboxRow.replays) + 1,
        )
    )
    await (await session.connection()).execute(text(f"notify {CHANNEL}"))
    query: Any = select(*_SHOWN).where(InboxRow.tenant == tenant, col(InboxRow.id).in_(inbox_ids))
    rows = await session.exec(query.order_by(InboxRow.id))
    return tuple(map(_view, rows))


_TAKE = text("""
with mine as materialized (
  select pg_try_advisory_xact_lock(:lock) as got
), taken as (
  select id, octet_length(body) as size from inbox
  where status = 'received' and (select got from mine)
  order by id limit :rows for update skip locked
), counted as (
  select id, sum(size) over (order by id) - size as size_before from taken
)
select inbox.id, tenant, connection, event_id, event_type, replays, received_at, body
from inbox join counted using (id) where size_before < :size order by inbox.id
""").columns(body=LargeBinary)


async def take(session: AsyncSession, *, rows: int, size: int) -> tuple[Arrival, ...]:
    """The oldest that wait, locked until the transaction ends: at most `rows`, and as many as
    begin within the first `size` bytes of bodies. Nothing while another dispatcher takes."""
    connection = await session.connection()
    found = await connection.execute(_TAKE, {"lock": _DRAIN_LOCK, "rows": rows, "size": size})
    return tuple(Arrival(*row) for row in found)


_SETTLE = text("""
update inbox set status = read.status, reason = read.reason, settled_at = now(),
  change_id = coalesce(read.change_id, inbox.change_id)
from unnest(cast(:ids as bigint[]), :statuses, :reasons, :changes)
  as read (id, status, reason, change_id)
where inbox.id = read.id
""").bindparams(
    bindparam("statuses", type_=ARRAY(Text)),
    bindparam("reasons", type_=ARRAY(Text)),
    bindparam("changes", type_=ARRAY(Text)),
)


async def settle(session: AsyncSession, readings: Iterable[Reading]) -> None:
    """Write down what became of arrivals; in the transaction that took them."""
    known = list(readings)
    reasons = [None if read.reason is None else storable(read.reason) for read in known]
    await (await session.connection()).execute(
        _SETTLE,
        {
            "ids": [read.inbox_id for read in known],
            "statuses": [read.status.value for read in known],
            "reasons": reasons,
            "changes": [read.change_id for read in known],
        },
    )


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
