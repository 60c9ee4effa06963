"""The inbox for those who look into it, replay it, and turn it into changes.

Webhooks get in through `inbox_writer`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from canonical_models.base import Canonical, Instant
from canonical_models.states import InboxStatus
from persistence import batches
from persistence.connection import Connection
from persistence.inbox_writer import storable
from persistence.rows import all_of, fetch, fetch_one, select

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
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of an arrival: a change, ignored, or a dead letter with its reason."""

    inbox_id: int
    status: InboxStatus
    change_id: str | None = None
    reason: str | None = None


_SELECT = select(InboxView, "inbox", inbox_id="id", size="octet_length(body)")


async def page(
    conn: Connection,
    tenant: str,
    *,
    before: int | None = None,
    limit: int = 50,
    status: InboxStatus | None = None,
    event_type: str | None = None,
) -> tuple[InboxView, ...]:
    """Newest first; `before` is the `inbox_id` of the last one seen."""
    which = all_of(
        {
            "id < %(before)s": before,
            "status = %(status)s": status,
            "event_type = %(type)s": event_type,
        }
    )
    return await fetch(
        conn,
        InboxView,
        f"{_SELECT} where tenant = %(tenant)s and {which} order by id desc limit %(limit)s",
        {
            "tenant": tenant,
            "before": before,
            "status": status,
            "type": event_type,
            "limit": limit,
        },
    )


async def get(conn: Connection, tenant: str, inbox_id: int) -> InboxView | None:
    return await fetch_one(
        conn, InboxView, f"{_SELECT} where tenant = %s and id = %s", (tenant, inbox_id)
    )


async def find(conn: Connection, tenant: str, receipt: str) -> InboxView | None:
    """By receipt; looks through the tenant's whole inbox."""
    return await fetch_one(
        conn, InboxView, f"{_SELECT} where tenant = %s and receipt = %s", (tenant, receipt)
    )


async def body(conn: Connection, tenant: str, inbox_id: int) -> bytes | None:
    """The signed bytes as they came. They may hold personal data: never log them."""
    found = await conn.execute(
        "select body from inbox where tenant = %s and id = %s", (tenant, inbox_id)
    )
    row = await found.fetchone()
    return row[0] if row else None


async def replay(
    conn: Connection, tenant: str, inbox_ids: Collection[int]
) -> tuple[InboxView, ...]:
    """Let the dispatcher read them again; those that still wait to be read, or whose body was
    dropped by the retention policy, stay as they are.

    A replay makes a new change only when every change of the event has settled. Returns those of
    `inbox_ids` that exist in this tenant.
    """
    these = (tenant, list(inbox_ids))
    # Without its body there is nothing to read.
    await conn.execute(
        "update inbox set status = 'received', reason = null, settled_at = null, "
        "ask_after = null, replays = replays + 1 where tenant = %s and id = any(%s) "
        "and status <> 'received' and octet_length(body) > 0",
        these,
    )
    await conn.execute(f"notify {CHANNEL}".encode())
    return await fetch(
        conn, InboxView, f"{_SELECT} where tenant = %s and id = any(%s) order by id", these
    )


_FREEZE = """
select receipt as key, jsonb_build_object('inbox_id', id) as given from inbox
where tenant = %(tenant)s and status <> 'received' and octet_length(body) > 0
  and (%(receipts)s::text[] is null or receipt = any(%(receipts)s))
  and (%(status)s::text is null or status = %(status)s)
  and (%(type)s::text is null or event_type = %(type)s)
  and (%(since)s::timestamptz is null or received_at >= %(since)s)
  and (%(until)s::timestamptz is null or received_at < %(until)s)
order by id
"""


async def fitting(
    conn: Connection,
    tenant: str,
    *,
    receipts: Collection[str] | None = None,
    status: InboxStatus | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> tuple[int, tuple[str, ...]]:
    """How many `freeze` would put on a list now, and the receipts of the first of them."""
    found = await conn.execute(
        f"select key, count(*) over () from ({_FREEZE}) f limit %(limit)s".encode(),  # noqa: S608 - a constant
        {
            "tenant": tenant,
            "receipts": None if receipts is None else list(receipts),
            "status": status,
            "type": event_type,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )
    rows = await found.fetchall()
    return (int(rows[0][1]) if rows else 0), tuple(row[0] for row in rows)


async def freeze(
    conn: Connection,
    tenant: str,
    batch_id: str,
    *,
    receipts: Collection[str] | None = None,
    status: InboxStatus | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Put all that fit and can be read again onto the list of the batch, in the order in which
    they came; how many there are."""
    return await batches.add_found(
        conn,
        tenant,
        batch_id,
        _FREEZE,
        {
            "receipts": None if receipts is None else list(receipts),
            "status": status,
            "type": event_type,
            "since": since,
            "until": until,
        },
    )


_TAKE = """
with mine as materialized (
  select pg_try_advisory_xact_lock(%(lock)s) as got
), taken as (
  select id, octet_length(body) as size from inbox
  where status = 'received' and ask_after is null
    and tenant || '/' || connection = any(%(read)s) and (select got from mine)
  order by id limit %(rows)s for update skip locked
), counted as (
  select id, sum(size) over (order by id) - size as size_before from taken
)
select inbox.id, tenant, connection, event_id, event_type, replays, received_at, body, receipt
from inbox join counted using (id) where size_before < %(size)s order by inbox.id
"""


async def take(
    conn: Connection, read: Collection[tuple[str, str]], *, rows: int, size: int
) -> tuple[Arrival, ...]:
    """The oldest that wait, of the connections (tenant and name) that can be `read` here, locked
    until the transaction ends: at most `rows`, and as many as begin within the first `size` bytes
    of bodies. Nothing while another dispatcher takes."""
    known = [f"{tenant}/{connection}" for tenant, connection in read]
    found = await conn.execute(
        _TAKE, {"lock": _DRAIN_LOCK, "read": known, "rows": rows, "size": size}
    )
    return tuple(Arrival(*row) for row in await found.fetchall())


async def unread_elsewhere(
    conn: Connection, read: Collection[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """The other connections that something waits of."""
    known = [f"{tenant}/{connection}" for tenant, connection in read]
    found = await conn.execute(
        "select distinct tenant, connection from inbox where status = 'received' "
        "and tenant || '/' || connection <> all(%s) order by 1, 2",
        (known,),
    )
    return tuple((tenant, connection) for tenant, connection in await found.fetchall())


_SETTLE = """
update inbox set status = read.status, reason = read.reason, settled_at = now(), ask_after = null,
  change_id = coalesce(read.change_id, inbox.change_id)
from unnest(%(ids)s::bigint[], %(statuses)s::text[], %(reasons)s::text[], %(changes)s::text[])
  as read (id, status, reason, change_id)
where inbox.id = read.id
"""


async def settle(conn: Connection, readings: Iterable[Reading]) -> None:
    """Write down what became of arrivals; in the transaction that took them."""
    known = list(readings)
    reasons = [None if read.reason is None else storable(read.reason) for read in known]
    await conn.execute(
        _SETTLE,
        {
            "ids": [read.inbox_id for read in known],
            "statuses": [read.status.value for read in known],
            "reasons": reasons,
            "changes": [read.change_id for read in known],
        },
    )


async def set_aside(conn: Connection, inbox_ids: Collection[int]) -> None:
    """They do not say what they are about: billing is asked, by whoever takes them to."""
    await conn.execute(
        "update inbox set ask_after = now(), asked = 0 where id = any(%s)", (list(inbox_ids),)
    )


_TAKE_ASIDE = """
with due as materialized (
  select id from inbox
  where ask_after <= now() and status = 'received'
    and tenant || '/' || connection = any(%(known)s)
  order by ask_after, id limit %(rows)s for update skip locked
)
update inbox set ask_after = now() + %(lease)s, asked = asked + 1 from due where inbox.id = due.id
returning inbox.id, tenant, connection, event_id, event_type, replays, received_at, body, receipt,
  asked
"""


async def take_aside(
    conn: Connection, known: Collection[tuple[str, str]], *, rows: int, lease: timedelta
) -> tuple[tuple[Arrival, int], ...]:
    """The first that are due of those set aside, of the connections whose billing can be asked
    here, and the how manieth time it is. Nobody else takes them for as long as the `lease`."""
    found = await conn.execute(
        _TAKE_ASIDE,
        {"known": [f"{tenant}/{name}" for tenant, name in known], "rows": rows, "lease": lease},
    )
    return tuple((Arrival(*row[:-1]), int(row[-1])) for row in await found.fetchall())


async def put_off(conn: Connection, inbox_id: int, reason: str, *, after: timedelta) -> None:
    """Billing could not be asked: once more after so long."""
    await conn.execute(
        "update inbox set ask_after = now() + %s, reason = %s where id = %s "
        "and status = 'received'",
        (after, storable(reason), inbox_id),
    )


async def receipt_of(conn: Connection, tenant: str, change_id: str) -> str | None:
    """The webhook that gave rise to the change; a replay's change has the first one's."""
    found = await conn.execute(
        "select i.receipt from inbox i join changes c on c.tenant = i.tenant "
        "and c.connection = i.connection "
        "and regexp_replace(c.event_id, '#r[0-9]+$', '') = i.event_id "
        "where c.tenant = %s and c.id = %s",
        (tenant, change_id),
    )
    row = await found.fetchone()
    return row[0] if row else None
