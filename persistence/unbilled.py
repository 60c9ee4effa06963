"""What the ERP shows of each subscription as not billed yet: a set that is replaced as a whole."""

from canonical_models.ledgering import UnbilledDraft
from canonical_models.records import UnbilledRecord
from persistence import records
from persistence.connection import Connection

_PUT = """
insert into unbilled (tenant, subscription_id, external_id, legal_entity, party, document_id,
  digest, minor, currency, lines)
values (%(tenant)s, %(of)s, %(external)s, %(entity)s, %(party)s, %(document)s,
  %(digest)s, %(minor)s, %(currency)s, (%(draft)s::jsonb) -> 'lines')
on conflict (tenant, subscription_id) do update set external_id = excluded.external_id,
  legal_entity = excluded.legal_entity, party = excluded.party,
  document_id = excluded.document_id, digest = excluded.digest, minor = excluded.minor,
  currency = excluded.currency, lines = excluded.lines, problem = null,
  shown_at = clock_timestamp()
"""


async def get(conn: Connection, tenant: str, subscription_id: str) -> UnbilledRecord | None:
    values = {"tenant": tenant, "of": subscription_id}
    found = await records.unbilled(conn, "subscription_id = %(of)s", values)
    return found[0] if found else None


async def page(
    conn: Connection, tenant: str, *, after: str = "", limit: int = 50
) -> tuple[UnbilledRecord, ...]:
    """By subscription; `after` is the last one seen."""
    return await records.unbilled(
        conn,
        "subscription_id > %(after)s order by subscription_id limit %(limit)s",
        {"tenant": tenant, "after": after, "limit": limit},
    )


async def put(
    conn: Connection,
    tenant: str,
    subscription_id: str,
    draft: UnbilledDraft,
    *,
    digest: str,
    document_id: str | None,
) -> None:
    """The ERP shows this now as its document, and nothing is in the way. `digest` is of the
    draft."""
    await conn.execute(
        _PUT,
        {
            "tenant": tenant,
            "of": subscription_id,
            "external": draft.external_id,
            "entity": draft.legal_entity,
            "party": draft.party,
            "document": document_id,
            "digest": digest,
            "minor": draft.net.minor,
            "currency": draft.currency,
            "draft": draft.model_dump_json(),
        },
    )


async def problem(conn: Connection, tenant: str, subscription_id: str, words: str | None) -> bool:
    """What keeps the ERP from showing what billing has now; None once nothing does. False where
    the ERP was never made to show anything of the subscription."""
    done = await conn.execute(
        "update unbilled set problem = %s where tenant = %s and subscription_id = %s",
        (words, tenant, subscription_id),
    )
    return done.rowcount > 0


async def remove(conn: Connection, tenant: str, subscription_id: str) -> None:
    """The ERP shows nothing of it any more."""
    await conn.execute(
        "delete from unbilled where tenant = %s and subscription_id = %s",
        (tenant, subscription_id),
    )
