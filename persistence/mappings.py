"""Master data that people keep, effective-dated: a mapping ends where the next one begins."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, and_, func, or_, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.process import SUPPORT_TARGET, entitlement_process
from canonical_models.views import MappingView
from persistence import processes
from persistence.connection import Transaction, connection_of
from persistence.tables import MappingRow

_ITEMS = TypeAdapter(tuple[ItemMapping, ...])
_ACCOUNTS = TypeAdapter(tuple[AccountMapping, ...])

_ACCOUNTS_NOW = """
select coalesce(json_agg(target), '[]')::text from mappings
where tenant = %(tenant)s and kind = 'account' and source = any(%(customers)s)
  and valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp())
"""

_ITEMS_AT = """
select coalesce(json_agg(target), '[]')::text from mappings
where tenant = %(tenant)s and kind = 'item' and source = any(%(keys)s)
  and valid_from <= %(at)s and (valid_to is null or valid_to > %(at)s)
"""


async def put(
    session: AsyncSession,
    tenant: str,
    mapping: AccountMapping | ItemMapping,
    *,
    by: str,
    valid_from: datetime | None = None,
) -> None:
    """From then on (None: from now on) this holds, until what was set for later begins. The
    mapping before it stays on record with its end; one that was to begin at the same time is
    replaced."""
    match mapping:
        case AccountMapping():
            kind, source = "account", mapping.billing_customer
        case ItemMapping():
            kind, source = "item", mapping.item
    connection = await session.connection()
    # Two that set the same must each see what the other has set.
    await connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"mapping/{tenant}/{kind}/{source}"},
    )
    begins: Any = valid_from
    if begins is None:
        begins = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    target = mapping.model_dump(mode="json")
    of = and_(
        col(MappingRow.tenant) == tenant,
        col(MappingRow.kind) == kind,
        col(MappingRow.source) == source,
    )
    held = (await session.exec(select(MappingRow).where(of, _holds(begins)))).one_or_none()
    if held is not None and held.target == target:
        return
    later = await session.exec(
        select(func.min(MappingRow.valid_from)).where(of, col(MappingRow.valid_from) > begins)
    )
    ends = later.one()
    if held is not None and held.valid_from == begins:
        await session.exec(delete(MappingRow).where(col(MappingRow.id) == held.id))
    elif held is not None:
        await session.exec(
            update(MappingRow).where(col(MappingRow.id) == held.id).values(valid_to=begins)
        )
    await session.exec(
        insert(MappingRow).values(
            tenant=tenant,
            kind=kind,
            source=source,
            target=target,
            valid_from=begins,
            valid_to=ends,
            set_by=by,
        )
    )
    if held is not None and held.target.get("support_organization") != target.get(
        "support_organization"
    ):
        # What support shows at the organisation before is taken back there, when this begins.
        await processes.news(session, [entitlement_process(tenant, source, SUPPORT_TARGET)])


async def get(
    session: AsyncSession, tenant: str, kind: str, source: str, *, locked: bool = False
) -> MappingView | None:
    """The mapping that holds now."""
    query = select(MappingRow).where(
        MappingRow.tenant == tenant,
        MappingRow.kind == kind,
        MappingRow.source == source,
        _holds(func.clock_timestamp()),
    )
    row = (await session.exec(query.with_for_update() if locked else query)).one_or_none()
    return _view(row) if row else None


async def items_at(
    session: Transaction, tenant: str, keys: Collection[str], *, at: datetime
) -> dict[str, ItemMapping]:
    """By key, those that hold at the moment."""
    found = await (await connection_of(session)).execute(
        _ITEMS_AT, {"tenant": tenant, "keys": list(keys), "at": at}
    )
    row = await found.fetchone()
    return {mapping.item: mapping for mapping in _ITEMS.validate_json(row[0] if row else "[]")}


async def accounts_now(
    session: Transaction, tenant: str, customers: Collection[str]
) -> dict[str, AccountMapping]:
    """By customer, those that hold now."""
    found = await (await connection_of(session)).execute(
        _ACCOUNTS_NOW, {"tenant": tenant, "customers": list(customers)}
    )
    row = await found.fetchone()
    mapped = _ACCOUNTS.validate_json(row[0] if row else "[]")
    return {mapping.billing_customer: mapping for mapping in mapped}


async def account_begins(
    session: Transaction, tenant: str, customer_id: str
) -> tuple[datetime, ...]:
    """When each account mapping of the customer begins to hold, or began."""
    found = await (await connection_of(session)).execute(
        "select valid_from from mappings where tenant = %s and kind = 'account' and source = %s",
        (tenant, customer_id),
    )
    return tuple(row[0] for row in await found.fetchall())


async def page(
    session: AsyncSession,
    tenant: str,
    *,
    kind: str | None = None,
    after: tuple[str, str, datetime] | None = None,
    limit: int = 100,
) -> tuple[MappingView, ...]:
    """Those that hold now and those that are set for later, by kind, source and when they begin;
    `after` is that of the last one seen."""
    query = select(MappingRow).where(
        MappingRow.tenant == tenant,
        or_(col(MappingRow.valid_to).is_(None), col(MappingRow.valid_to) > func.clock_timestamp()),
    )
    place = (col(MappingRow.kind), col(MappingRow.source), col(MappingRow.valid_from))
    if after is not None:
        query = query.where(tuple_(*place) > after)
    if kind is not None:
        query = query.where(MappingRow.kind == kind)
    rows = await session.exec(query.order_by(*place).limit(limit))
    return tuple(map(_view, rows))


async def history(
    session: AsyncSession, tenant: str, kind: str, source: str
) -> tuple[MappingView, ...]:
    """All that was set and is set for later, the oldest first."""
    rows = await session.exec(
        select(MappingRow)
        .where(MappingRow.tenant == tenant, MappingRow.kind == kind, MappingRow.source == source)
        .order_by(col(MappingRow.valid_from))
    )
    return tuple(map(_view, rows))


def _holds(at: Any) -> ColumnElement[bool]:
    return and_(
        col(MappingRow.valid_from) <= at,
        or_(col(MappingRow.valid_to).is_(None), col(MappingRow.valid_to) > at),
    )


def _view(row: MappingRow) -> MappingView:
    return MappingView(**row.model_dump(include=set(MappingView.model_fields)))
