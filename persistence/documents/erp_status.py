"""Where documents stand in the ERP, as a sweep finds out and tells billing."""

from datetime import datetime

from canonical_models.ledgering import ErpStatus
from canonical_models.records import DocumentRecord
from persistence import records
from persistence.connection import Connection
from persistence.tables.documents import MOVING

# A status is part of what a document says, by the same names.
_STANDS = """
update documents d set erp_status = %(erp_status)s, erp_status_at = clock_timestamp(),
  erp_status_shown = case when %(tell_again)s then '' else erp_status_shown end,
  posted = case when same then d.posted || %(said)s::jsonb else d.posted end,
  erp_number = case when same then %(number)s else d.erp_number end,
  erp_open_minor = case when same then %(open)s else d.erp_open_minor end,
  erp_gross_minor = case when same then %(gross)s else d.erp_gross_minor end,
  erp_tax_minor = case when same then %(tax)s else d.erp_tax_minor end
from (select erp_status, coalesce(erp_document_id = %(erp_id)s, false) as same from documents
  where tenant = %(tenant)s and document_id = %(document)s for update) was
where d.tenant = %(tenant)s and d.document_id = %(document)s returning was.erp_status
"""


async def moving(
    conn: Connection, tenant: str, *, before: datetime, limit: int
) -> tuple[DocumentRecord, ...]:
    """Those that may stand elsewhere by now and were last looked up before then, the longest ago
    first."""
    return await records.documents(
        conn,
        f"{MOVING} and coalesce(erp_status_at, '-infinity') < %(before)s "
        "order by erp_status_at nulls first, document_id limit %(limit)s",
        {"tenant": tenant, "before": before, "limit": limit},
    )


async def stands(
    conn: Connection,
    tenant: str,
    document_id: str,
    *,
    erp_status: str,
    said: ErpStatus | None,
    tell_again: bool = False,
) -> bool:
    """What the ERP says; `said` is None where it has no such document. Whether that is another
    status than before. With `tell_again` billing has still to hear of it, whatever it has been
    told."""
    found = await conn.execute(
        _STANDS,
        {
            "tenant": tenant,
            "document": document_id,
            "erp_status": erp_status,
            "tell_again": tell_again,
            "said": said.model_dump_json() if said else None,
            "erp_id": said.document_id if said else None,
            "number": said.number if said else None,
            "open": said.open.minor if said else None,
            "gross": said.gross.minor if said else None,
            "tax": said.tax.minor if said else None,
        },
    )
    row = await found.fetchone()
    return row is not None and row[0] != erp_status


async def looked_up(conn: Connection, tenant: str, document_id: str) -> None:
    """In vain: it stands as it did, and the next look comes back to it."""
    await conn.execute(
        "update documents set erp_status_at = clock_timestamp() "
        "where tenant = %s and document_id = %s",
        (tenant, document_id),
    )


async def shown(conn: Connection, tenant: str, document_id: str, erp_status: str) -> None:
    """Billing carries it now."""
    await conn.execute(
        "update documents set erp_status_shown = %s where tenant = %s and document_id = %s",
        (erp_status, tenant, document_id),
    )
