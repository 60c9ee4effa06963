"""Questions that people ask across tables; nothing a saga depends on."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.base import Canonical, Instant
from canonical_models.events import Event
from canonical_models.money import Money
from canonical_models.views import MappingView
from persistence.changes import CHANNEL
from persistence.raw import Transaction, driver
from persistence.tables import ChangeRow, InboxRow, MappingRow

_DOCUMENTS = text("""
select p.document_id, e.vendor_reference, e.url, e.change_id, p.state, p.currency,
  sum(p.minor), count(*), max(p.updated_at) as at
from posted_lines p join effects e on e.key = p.effect_key and e.tenant = p.tenant
where p.tenant = :tenant and p.subscription_id = :subscription and p.document_id is not null
group by p.document_id, e.vendor_reference, e.url, e.change_id, p.state, p.currency
order by at desc, p.document_id
limit :limit
""")

_FEED = text("""
select seq, event from outbox
where tenant = :tenant and seq > :after
  and age(xmin) > age(cast(pg_snapshot_xmin(pg_current_snapshot()) as xid))
order by seq
limit :limit
""")


_ENTRIES = """
select p.payment_id, p.invoice_id, p.subscription_id, p.state, p.minor, p.currency, p.moved_at,
  e.state, p.entry_id, e.vendor_reference, e.url
from payments p left join effects e on e.key = p.effect_key and e.tenant = p.tenant
where p.tenant = %s and p.{column} = %s
order by p.moved_at, p.payment_id
"""
_OF_SUBSCRIPTION = _ENTRIES.format(column="subscription_id").encode()
_OF_INVOICE = _ENTRIES.format(column="invoice_id").encode()


class EnteredPayment(Canonical):
    """A movement of money and its entry in the ERP. `amount` is positive where it reduces what the
    customer owes; `entry` is the state of the effect that enters it."""

    payment_id: str
    invoice_id: str
    subscription_id: str
    state: str
    amount: Money
    moved_at: Instant
    entry: str | None
    entry_id: str | None
    entry_number: str | None
    url: str | None


class PostedDocument(Canonical):
    """An ERP document that carries lines of a subscription, or did until it was reversed."""

    document_id: str
    number: str | None
    url: str | None
    change_id: str
    state: str
    net: Money
    lines: int
    at: Instant


async def proof(session: AsyncSession, tenant: str, change_id: str) -> dict[str, Any] | None:
    """What every system said when the change was settled."""
    rows = await session.exec(
        select(ChangeRow.proof).where(ChangeRow.tenant == tenant, ChangeRow.id == change_id)
    )
    found = rows.one_or_none()
    return None if found is None else dict(found)


async def cancel_pending(session: AsyncSession, tenant: str, change_id: str, summary: str) -> bool:
    """Settle a change that nobody has begun; False when it has been begun or settled."""
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
    # The next change of the subscription need not wait for a poll.
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


async def mapping(
    session: AsyncSession, tenant: str, kind: str, source: str, *, locked: bool = False
) -> MappingView | None:
    """The mapping that holds now."""
    query = select(MappingRow).where(
        MappingRow.tenant == tenant,
        MappingRow.kind == kind,
        MappingRow.source == source,
        col(MappingRow.valid_to).is_(None),
    )
    row = (await session.exec(query.with_for_update() if locked else query)).one_or_none()
    return MappingView(**row.model_dump(include=set(MappingView.model_fields))) if row else None


async def documents(
    session: AsyncSession, tenant: str, subscription_id: str, *, limit: int = 100
) -> tuple[PostedDocument, ...]:
    """The newest first."""
    connection = await session.connection()
    rows = await connection.execute(
        _DOCUMENTS, {"tenant": tenant, "subscription": subscription_id, "limit": limit}
    )
    return tuple(
        PostedDocument(
            document_id=document_id,
            number=number,
            url=url,
            change_id=change_id,
            state=state,
            net=Money(minor=int(minor), currency=currency),
            lines=lines,
            at=last,
        )
        for document_id, number, url, change_id, state, currency, minor, lines, last in rows
    )


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


async def entries_of_subscription(
    session: Transaction, tenant: str, subscription_id: str
) -> tuple[EnteredPayment, ...]:
    """In the order in which the money moved."""
    return await _entries(session, _OF_SUBSCRIPTION, tenant, subscription_id)


async def entries_of_invoice(
    session: Transaction, tenant: str, invoice_id: str
) -> tuple[EnteredPayment, ...]:
    """In the order in which the money moved."""
    return await _entries(session, _OF_INVOICE, tenant, invoice_id)


async def unpaid(
    session: Transaction, tenant: str, invoice_ids: Collection[str]
) -> dict[str, Money]:
    """What billing still waits for, by invoice; invoices that are unknown are left out."""
    found = await (await driver(session)).execute(
        "select invoice_id, (invoice #>> '{total,minor}')::bigint "
        "- (invoice #>> '{paid,minor}')::bigint, invoice #>> '{total,currency}' "
        "from invoices where tenant = %s and invoice_id = any(%s)",
        (tenant, list(invoice_ids)),
    )
    return {
        invoice_id: Money(minor=minor, currency=currency)
        for invoice_id, minor, currency in await found.fetchall()
    }


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


async def _entries(
    session: Transaction, query: bytes, tenant: str, key: str
) -> tuple[EnteredPayment, ...]:
    found = await (await driver(session)).execute(query, (tenant, key))
    return tuple(
        EnteredPayment(
            payment_id=row[0],
            invoice_id=row[1],
            subscription_id=row[2],
            state=row[3],
            amount=Money(minor=row[4], currency=row[5]),
            moved_at=row[6],
            entry=row[7],
            entry_id=row[8],
            entry_number=row[9],
            url=row[10],
        )
        for row in await found.fetchall()
    )
