"""What is kept of one customer, for whoever supports them: each row with when it was last read.

PostgreSQL builds the JSON and pydantic reads it in one go, as in `records`.
"""

from decimal import Decimal
from typing import Any

from pydantic import Field, TypeAdapter

from canonical_models.base import Canonical, Instant
from canonical_models.commerce import Subscription
from canonical_models.documents import DocumentKind, DocumentStatus, SettlementKind
from canonical_models.money import Money
from canonical_models.states import Forecast
from canonical_models.term import DunningStage
from persistence.connection import Connection
from persistence.tables.documents import OWED


class KeptSubscription(Canonical):
    """`ends_at` and `renews_at` are the contract's; `read_at` is when billing said so, at the
    latest."""

    subscription: Subscription
    ends_at: Instant | None
    renews_at: Instant | None
    forecast: Forecast | None
    forecast_amount: Money | None
    forecast_problem: str | None
    change_id: str
    read_at: Instant


class KeptDocument(Canonical):
    """A document that is not settled. `erp_*` are as the ERP was last read, at `erp_read_at`;
    `dunning` is how far it has gone."""

    document_id: str
    subject: str
    subscription_id: str | None
    kind: DocumentKind
    status: DocumentStatus
    number: str | None
    gross: Money
    remaining: Money
    issued_at: Instant
    due_at: Instant | None
    overdue_since: Instant | None
    url: str | None
    read_at: Instant
    legal_entity: str | None
    erp_document_id: str | None
    erp_number: str | None
    erp_status: str
    erp_open: Money | None
    erp_read_at: Instant | None
    dunning: DunningStage | None


class Purchase(Canonical):
    """A line of a document: what was bought or given back, when."""

    document_id: str
    number: str | None
    kind: DocumentKind
    status: DocumentStatus
    issued_at: Instant
    read_at: Instant
    subscription_id: str | None
    item_id: str | None
    item: str
    price: str | None
    description: str
    quantity: Decimal | None
    net: Money
    period_start: Instant | None
    period_end: Instant | None
    proration: bool
    metadata: dict[str, str] = Field(default_factory=dict)


class Movement(Canonical):
    """`entry` is the ERP's number of it, None until it is entered."""

    settlement_id: str
    kind: SettlementKind
    amount: Money
    at: Instant
    document_id: str | None
    entry: str | None
    read_at: Instant


_SUBSCRIPTIONS_READ = TypeAdapter(tuple[KeptSubscription, ...])
_DOCUMENTS_READ = TypeAdapter(tuple[KeptDocument, ...])
_PURCHASES_READ = TypeAdapter(tuple[Purchase, ...])
_MOVEMENTS_READ = TypeAdapter(tuple[Movement, ...])

# In a sandbox billing's clock is a test clock: what it says it was read at may be years off.
_SUBSCRIPTIONS = """
select coalesce(json_agg(json_build_object('subscription', snapshot, 'ends_at', ends_at,
  'renews_at', renews_at, 'forecast', forecast, 'forecast_amount', forecast_amount,
  'forecast_problem', forecast_problem, 'change_id', change_id,
  'read_at', least((snapshot ->> 'as_of')::timestamptz, synced_at))), '[]')::text
from (select s.snapshot, s.synced_at, s.change_id, c.ends_at, c.renews_at, c.forecast,
    c.forecast_amount, c.forecast_problem
  from subscription_states s left join contracts c
    on c.tenant = s.tenant and c.subscription_id = s.subscription_id
  where s.tenant = %(tenant)s and s.customer_id = %(customer)s
  order by s.snapshot ->> 'status' = 'cancelled', s.subscription_id limit %(limit)s) held
"""

_DOCUMENTS = f"""
select coalesce(json_agg(json_build_object('document_id', d.document_id, 'subject', d.subject,
  'subscription_id', d.subscription_id, 'kind', d.kind, 'status', d.status, 'number', d.number,
  'gross', json_build_object('minor', d.gross_minor, 'currency', d.currency),
  'remaining', json_build_object('minor', d.remaining_minor, 'currency', d.currency),
  'issued_at', d.issued_at, 'due_at', d.due_at, 'overdue_since', d.document -> 'overdue_since',
  'url', d.document -> 'url', 'read_at', d.seen_at, 'legal_entity', d.legal_entity,
  'erp_document_id', d.erp_document_id, 'erp_number', d.erp_number, 'erp_status', d.erp_status,
  'erp_open', case when d.erp_open_minor is not null then
    json_build_object('minor', d.erp_open_minor, 'currency', d.posted ->> 'currency') end,
  'erp_read_at', d.erp_status_at, 'dunning', d.stage)), '[]')::text
from (select owed.*, c.stage from documents owed left join dunning_cases c
    on c.tenant = owed.tenant and c.invoice_id = owed.document_id and c.stage <> 'closed'
  where owed.tenant = %(tenant)s and owed.customer_id = %(customer)s
    and {OWED}
  order by owed.issued_at desc, owed.document_id desc limit %(limit)s) d
"""  # noqa: S608 - put together from constants

_PURCHASES = """
select coalesce(json_agg(json_build_object('document_id', d.document_id, 'number', d.number,
  'kind', d.kind, 'status', d.status, 'issued_at', d.issued_at, 'read_at', d.seen_at,
  'subscription_id', line -> 'subscription_id', 'item_id', line -> 'item_id',
  'item', line -> 'item', 'price', line -> 'price', 'description', line -> 'description',
  'quantity', line -> 'quantity', 'net', line -> 'net', 'period_start', line -> 'period_start',
  'period_end', line -> 'period_end', 'proration', line -> 'proration',
  'metadata', coalesce(line -> 'metadata', '{}')) order by d.issued_at, d.document_id, d.place),
  '[]')::text
from (select found.document_id, found.number, found.kind, found.status, found.issued_at,
    found.seen_at, each.line, each.place
  from (select * from documents where tenant = %(tenant)s and customer_id = %(customer)s
    order by issued_at desc, document_id desc limit %(documents)s) found,
    jsonb_array_elements(found.document -> 'lines') with ordinality as each (line, place)
  order by found.issued_at desc, found.document_id desc, each.place limit %(limit)s) d
"""

_MOVEMENTS = """
select coalesce(json_agg(json_build_object('settlement_id', settlement_id, 'kind', kind,
  'amount', json_build_object('minor', minor, 'currency', currency), 'at', at,
  'document_id', coalesce(document_id, about), 'entry', coalesce(entry_number, entry_id),
  'read_at', seen_at)), '[]')::text
from (select * from settlements where tenant = %(tenant)s and customer_id = %(customer)s
  order by at desc, settlement_id desc limit %(limit)s) moved
"""


async def subscriptions(
    conn: Connection, tenant: str, customer_id: str, *, limit: int
) -> tuple[KeptSubscription, ...]:
    """Those that run first, by id."""
    values = _values(tenant, customer_id, limit=limit)
    return _SUBSCRIPTIONS_READ.validate_json(await _one(conn, _SUBSCRIPTIONS, values))


async def open_documents(
    conn: Connection, tenant: str, customer_id: str, *, limit: int
) -> tuple[KeptDocument, ...]:
    """The newest first."""
    values = _values(tenant, customer_id, limit=limit)
    return _DOCUMENTS_READ.validate_json(await _one(conn, _DOCUMENTS, values))


async def purchases(
    conn: Connection, tenant: str, customer_id: str, *, documents: int, limit: int
) -> tuple[Purchase, ...]:
    """Lines of so many of the newest documents, the newest `limit` of them, the oldest first."""
    values = _values(tenant, customer_id, limit=limit, documents=documents)
    return _PURCHASES_READ.validate_json(await _one(conn, _PURCHASES, values))


async def movements(
    conn: Connection, tenant: str, customer_id: str, *, limit: int
) -> tuple[Movement, ...]:
    """The newest first."""
    values = _values(tenant, customer_id, limit=limit)
    return _MOVEMENTS_READ.validate_json(await _one(conn, _MOVEMENTS, values))


def _values(tenant: str, customer_id: str, **more: Any) -> dict[str, Any]:
    return {"tenant": tenant, "customer": customer_id, **more}


async def _one(conn: Connection, query: str, values: dict[str, Any]) -> str:
    row = await (await conn.execute(query.encode(), values)).fetchone()
    return row[0] if row else "[]"
