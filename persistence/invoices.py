"""Invoices as billing asks them, and where they stand in the ERP."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.base import Canonical, Instant
from canonical_models.ledgering import DocumentStanding
from canonical_models.term import Invoice
from persistence.raw import Raw, Transaction, driver

_STANDINGS = TypeAdapter(tuple[DocumentStanding, ...])

_SEEN = """
insert into invoices (tenant, invoice_id, subscription_id, customer_id, invoice, status,
  created_at, seen_at)
select %s, seen.id, %s, %s, seen.invoice::jsonb, seen.status, seen.at, now()
from unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])
  as seen (id, invoice, status, at)
on conflict (tenant, invoice_id) do update set invoice = excluded.invoice,
  status = excluded.status, seen_at = now()
  where invoices.invoice is distinct from excluded.invoice
"""

_COLUMNS = """
invoice::text, subscription_id, standing, coalesce(documents, '[]')::text, standing_at, told
"""


class InvoiceView(Canonical):
    """`standing` is the ERP's word on it, read at `standing_at` from `documents`; `told` is what
    billing carries of it."""

    invoice: Invoice
    subscription_id: str
    standing: str
    documents: tuple[DocumentStanding, ...]
    standing_at: Instant | None
    told: str


async def seen(
    session: Transaction,
    tenant: str,
    subscription_id: str,
    customer_id: str,
    invoices: Iterable[Invoice],
) -> None:
    """As billing showed them just now. One whose account changed is looked up in the ERP again."""
    given = tuple(invoices)
    if not given:
        return
    await (await driver(session)).execute(
        _SEEN,
        (
            tenant,
            subscription_id,
            customer_id,
            [invoice.invoice_id for invoice in given],
            [invoice.model_dump_json() for invoice in given],
            [invoice.status.value for invoice in given],
            [invoice.created_at for invoice in given],
        ),
    )


async def get(session: Transaction, tenant: str, invoice_id: str) -> InvoiceView | None:
    found = await _select(session, "invoice_id = %s", (tenant, invoice_id))
    return found[0] if found else None


async def page(
    session: Transaction,
    tenant: str,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    standing: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[InvoiceView, ...]:
    """Newest first; `before` is `created_at` and id of the last one seen."""
    wanted = (
        ("customer_id = %s", customer_id),
        ("subscription_id = %s", subscription_id),
        ("standing = %s", standing),
    )
    conditions = [text for text, value in wanted if value is not None] or ["true"]
    values: list[Any] = [value for _, value in wanted if value is not None]
    if before is not None:
        conditions.append("(created_at, invoice_id) < (%s, %s)")
        values += before
    return await _select(
        session,
        " and ".join(conditions) + " order by created_at desc, invoice_id desc limit %s",
        (tenant, *values, limit),
    )


async def moving(
    session: Transaction, tenant: str, *, before: datetime, limit: int
) -> tuple[InvoiceView, ...]:
    """Those that may stand elsewhere by now and were last looked up before then, the longest ago
    first."""
    return await _select(
        session,
        "(standing not in ('paid', 'credited') or told <> standing "
        "or standing = 'paid' and status <> 'paid') "
        "and coalesce(standing_at, '-infinity') < %s "
        "order by standing_at nulls first, invoice_id limit %s",
        (tenant, before, limit),
    )


async def stands(
    session: Transaction,
    tenant: str,
    invoice_id: str,
    *,
    standing: str,
    documents: tuple[DocumentStanding, ...],
    tell_again: bool = False,
) -> bool:
    """What the ERP says. Whether that is another standing than before. With `tell_again` billing
    has still to hear of it, whatever it has been told."""
    raw = await driver(session)
    found = await raw.execute(
        "update invoices i set standing = %s, documents = %s, standing_at = clock_timestamp(), "
        "told = case when %s then '' else told end "
        "from (select standing from invoices where tenant = %s and invoice_id = %s for update) was "
        "where i.tenant = %s and i.invoice_id = %s returning was.standing",
        (
            standing,
            Jsonb(_STANDINGS.dump_python(documents, mode="json")),
            tell_again,
            tenant,
            invoice_id,
            tenant,
            invoice_id,
        ),
    )
    row = await found.fetchone()
    return row is not None and row[0] != standing


async def looked_up(session: Transaction, tenant: str, invoice_id: str) -> None:
    """In vain: it stands as it did, and the next look comes back to it."""
    await (await driver(session)).execute(
        "update invoices set standing_at = clock_timestamp() where tenant = %s and invoice_id = %s",
        (tenant, invoice_id),
    )


async def told(session: Transaction, tenant: str, invoice_id: str, standing: str) -> None:
    """Billing carries it now."""
    await (await driver(session)).execute(
        "update invoices set told = %s where tenant = %s and invoice_id = %s",
        (standing, tenant, invoice_id),
    )


async def _select(
    session: Transaction, condition: str, values: tuple[Any, ...]
) -> tuple[InvoiceView, ...]:
    raw: Raw = await driver(session)
    query = f"select {_COLUMNS} from invoices where tenant = %s and {condition}"  # noqa: S608 - put together from constants
    found = await raw.execute(query.encode(), values)
    return tuple(
        InvoiceView(
            invoice=Invoice.model_validate_json(invoice),
            subscription_id=subscription_id,
            standing=standing,
            documents=_STANDINGS.validate_json(documents),
            standing_at=standing_at,
            told=told_,
        )
        for invoice, subscription_id, standing, documents, standing_at, told_ in (
            await found.fetchall()
        )
    )
