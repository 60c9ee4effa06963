"""Documents as they are looked up, by sagas and by people."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from persistence import records
from persistence.connection import Connection
from persistence.rows import all_of
from persistence.tables.documents import DIFFERS, UNSETTLED

_OLDEST_FIRST = "order by issued_at, document_id"


async def get(conn: Connection, tenant: str, document_id: str) -> DocumentRecord | None:
    return (await named(conn, tenant, [document_id])).get(document_id)


async def named(conn: Connection, tenant: str, ids: Collection[str]) -> dict[str, DocumentRecord]:
    """Those that are known, by id."""
    values = {"tenant": tenant, "ids": list(ids)}
    found = await records.documents(conn, "document_id = any(%(ids)s)", values)
    return {record.document.document_id: record for record in found}


async def seen_at(conn: Connection, tenant: str, ids: Collection[str]) -> dict[str, datetime]:
    """When billing last said what is kept of them, by id; those that are unknown are left out."""
    found = await conn.execute(
        "select document_id, seen_at from documents where tenant = %s and document_id = any(%s)",
        (tenant, list(ids)),
    )
    return dict(await found.fetchall())


async def of_changes(
    conn: Connection, tenant: str, subject: str, change_ids: Collection[str]
) -> tuple[DocumentRecord, ...]:
    """Those that one of these changes of the subject has posted or linked, oldest first."""
    return await records.documents(
        conn,
        f"subject = %(subject)s and change_id = any(%(changes)s) {_OLDEST_FIRST}",
        {"tenant": tenant, "subject": subject, "changes": list(change_ids)},
    )


async def waiting(
    conn: Connection, tenant: str, subject: str, *, limit: int
) -> tuple[DocumentRecord, ...]:
    """Those that no change has posted or linked, newest first."""
    return await records.documents(
        conn,
        "subject = %(subject)s and change_id is null "
        "order by issued_at desc, document_id desc limit %(limit)s",
        {"tenant": tenant, "subject": subject, "limit": limit},
    )


async def of_subject(
    conn: Connection, tenant: str, subject: str, *, unsettled_only: bool = False
) -> tuple[DocumentRecord, ...]:
    """Oldest first. What is unsettled is not in the books as billing has it, or still owed."""
    condition = "subject = %(subject)s"
    if unsettled_only:
        condition += f" and {UNSETTLED}"
    return await records.documents(
        conn, f"{condition} {_OLDEST_FIRST}", {"tenant": tenant, "subject": subject}
    )


async def page(
    conn: Connection,
    tenant: str,
    *,
    customer_id: str | None = None,
    subject: str | None = None,
    erp_status: str | None = None,
    number: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> tuple[DocumentRecord, ...]:
    """Newest first; `before` is `issued_at` and id of the last one seen. `number` is billing's or
    the ERP's."""
    which = all_of(
        {
            "customer_id = %(customer)s": customer_id,
            "subject = %(subject)s": subject,
            "erp_status = %(erp_status)s": erp_status,
            "(number = %(number)s or erp_number = %(number)s)": number,
            "(issued_at, document_id) < (%(at)s, %(id)s)": before,
        }
    )
    at, last = before or (None, None)
    return await records.documents(
        conn,
        f"{which} order by issued_at desc, document_id desc limit %(limit)s",
        {
            "tenant": tenant,
            "customer": customer_id,
            "subject": subject,
            "erp_status": erp_status,
            "number": number,
            "at": at,
            "id": last,
            "limit": limit,
        },
    )


async def differences(
    conn: Connection, tenant: str, *, after: tuple[datetime, str] | None = None, limit: int = 50
) -> tuple[DocumentRecord, ...]:
    """Where billing and the ERP do not say the same, oldest first: issued and not in the books, for
    whatever reason; in the books and void; or of another gross, tax or open amount. `after` is
    `issued_at` and id of the last one seen."""
    values: dict[str, Any] = {"tenant": tenant, "limit": limit}
    condition = DIFFERS
    if after is not None:
        condition += " and (issued_at, document_id) > (%(at)s, %(id)s)"
        values |= {"at": after[0], "id": after[1]}
    return await records.documents(conn, f"{condition} {_OLDEST_FIRST} limit %(limit)s", values)


async def subject_of_document(
    conn: Connection, tenant: str, document_id: str
) -> tuple[str, str] | None:
    """(subject, customer) that it belongs to; None where it is unknown."""
    found = await conn.execute(
        "select subject, customer_id from documents where tenant = %s and document_id = %s",
        (tenant, document_id),
    )
    return await found.fetchone()


async def unpaid(conn: Connection, tenant: str, ids: Collection[str]) -> dict[str, Money]:
    """What billing still waits for, by document; those that are unknown are left out."""
    found = await conn.execute(
        "select document_id, remaining_minor, currency from documents "
        "where tenant = %s and document_id = any(%s)",
        (tenant, list(ids)),
    )
    return {
        key: Money(minor=minor, currency=currency)
        for key, minor, currency in await found.fetchall()
    }


async def legal_entities(conn: Connection, tenant: str) -> tuple[str, ...]:
    """Those in whose books documents stand, by name."""
    found = await conn.execute(
        "select distinct legal_entity from documents "
        "where tenant = %s and legal_entity is not null order by 1",
        (tenant,),
    )
    return tuple(row[0] for row in await found.fetchall())
