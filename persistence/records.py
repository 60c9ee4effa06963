"""Rows of documents, settlements and what is not billed, as JSON that their records read.

PostgreSQL builds the JSON and pydantic reads it in one go: a tenth of the time of a row's columns
one by one.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from canonical_models.records import DocumentRecord, SettlementRecord, UnbilledRecord
from persistence.connection import Connection

DOCUMENTS = TypeAdapter(tuple[DocumentRecord, ...])
SETTLEMENTS = TypeAdapter(tuple[SettlementRecord, ...])

#: Of a row `d` of documents.
DOCUMENT_JSON = """
json_build_object('document', d.document, 'state', d.state, 'generation', d.generation,
  'hold', d.hold, 'correction', d.correction, 'legal_entity', d.legal_entity, 'party', d.party,
  'posted', d.posted, 'posted_content', d.posted_content, 'change_id', d.change_id,
  'linked_by', d.linked_by, 'erp_status', d.erp_status,
  'erp_status_at', d.erp_status_at, 'erp_status_shown', d.erp_status_shown)
"""

#: Of a row `s` of settlements, joined as SETTLEMENT_ROWS does.
SETTLEMENT_JSON = """
json_build_object('settlement', s.settlement, 'customer_id', s.customer_id,
  'legal_entity', s.legal_entity, 'entry_id', s.entry_id, 'entry_number', s.entry_number,
  'url', s.url, 'effect', e.state, 'settles', s.settles)
"""
SETTLEMENT_ROWS = "settlements s left join effects e on e.key = s.effect_key"

#: Of a row `u` of unbilled.
UNBILLED_JSON = """
json_build_object('subscription_id', u.subscription_id, 'external_id', u.external_id,
  'legal_entity', u.legal_entity, 'party', u.party, 'document_id', u.document_id,
  'digest', u.digest, 'net', json_build_object('minor', u.minor, 'currency', u.currency),
  'lines', u.lines, 'problem', u.problem, 'shown_at', u.shown_at)
"""


async def documents(
    conn: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[DocumentRecord, ...]:
    """Those of `tenant`, one of the values, for which the condition holds."""
    query = f"select {DOCUMENT_JSON}::text from documents d where tenant = %(tenant)s and "  # noqa: S608 - put together from constants
    found = await conn.execute((query + condition).encode(), values)
    return tuple(DocumentRecord.model_validate_json(row[0]) for row in await found.fetchall())


async def settlements(
    conn: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[SettlementRecord, ...]:
    """The same, in the order in which things moved."""
    query = (
        f"select {SETTLEMENT_JSON}::text from {SETTLEMENT_ROWS} "  # noqa: S608 - put together from constants
        f"where s.tenant = %(tenant)s and {condition} order by s.at, s.settlement_id"
    )
    found = await conn.execute(query.encode(), values)
    return tuple(SettlementRecord.model_validate_json(row[0]) for row in await found.fetchall())


async def unbilled(
    conn: Connection, condition: str, values: Mapping[str, Any]
) -> tuple[UnbilledRecord, ...]:
    query = f"select {UNBILLED_JSON}::text from unbilled u where tenant = %(tenant)s and "  # noqa: S608 - put together from constants
    found = await conn.execute((query + condition).encode(), values)
    return tuple(UnbilledRecord.model_validate_json(row[0]) for row in await found.fetchall())
