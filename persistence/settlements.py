"""What settles documents or stands on a customer's account, each entered in the ERP once, ever."""

from collections.abc import Collection, Iterable

from canonical_models.documents import Settlement
from canonical_models.ledgering import SettlementEntry
from canonical_models.records import SettlementRecord
from persistence import records
from persistence.connection import Connection

# By id, so that two who see the same movements wait for each other and never in a circle.
_SEEN = """
insert into settlements (tenant, settlement_id, customer_id, subject, document_id, about, against,
  kind, minor, currency, at, settlement, seen_at)
select %(tenant)s, seen ->> 'settlement_id', %(customer)s, %(subject)s, seen ->> 'document_id',
  seen ->> 'about', seen ->> 'against', seen ->> 'kind', (seen #>> '{amount,minor}')::bigint,
  seen #>> '{amount,currency}', (seen ->> 'at')::timestamptz, seen, clock_timestamp()
from unnest(%(settlements)s::jsonb[]) seen order by 2
on conflict (tenant, settlement_id) do update set customer_id = excluded.customer_id,
  subject = excluded.subject, document_id = excluded.document_id, about = excluded.about,
  against = excluded.against, kind = excluded.kind, minor = excluded.minor,
  currency = excluded.currency, at = excluded.at, settlement = excluded.settlement,
  seen_at = excluded.seen_at
where (settlements.settlement, settlements.customer_id, settlements.subject)
  is distinct from (excluded.settlement, excluded.customer_id, excluded.subject)
"""

_SUBJECT_OF = """
select d.subject, d.customer_id, d.document_id from settlements s
join documents d on d.tenant = s.tenant and d.document_id = coalesce(s.document_id, s.about)
where s.tenant = %(tenant)s and s.settlement_id = %(id)s
union all
select subject, customer_id, document_id from documents
where tenant = %(tenant)s and document_id = %(document)s
limit 1
"""


async def seen(
    conn: Connection,
    tenant: str,
    customer_id: str,
    subject: str,
    settlements: Iterable[Settlement],
) -> None:
    """As billing showed them just now. What became of them in the ERP stays; one that is as it was
    is not written."""
    given = {settlement.settlement_id: settlement for settlement in settlements}
    if not given:
        return
    await conn.execute(
        _SEEN,
        {
            "tenant": tenant,
            "customer": customer_id,
            "subject": subject,
            "settlements": [settlement.model_dump_json() for settlement in given.values()],
        },
    )


async def claim(conn: Connection, tenant: str, settlement_id: str, *, effect_key: str) -> bool:
    """Whether this effect is the one to enter it, or to settle its document with what stands on the
    account: not where one has, nor what was never seen."""
    done = await conn.execute(
        "update settlements set effect_key = %s "
        "where tenant = %s and settlement_id = %s "
        "and (entry_id is null or settles is null and document_id is not null)",
        (effect_key, tenant, settlement_id),
    )
    return done.rowcount > 0


async def entered(
    conn: Connection,
    tenant: str,
    settlement_id: str,
    *,
    entry: SettlementEntry,
    document_id: str | None,
) -> None:
    """The ERP holds it. `document_id` is billing's document that the entry settles there, None
    while it stands on the account."""
    await conn.execute(
        "update settlements set entry_id = %s, entry_number = %s, url = %s, legal_entity = %s, "
        "settles = %s, entered_at = coalesce(entered_at, clock_timestamp()) "
        "where tenant = %s and settlement_id = %s",
        (
            entry.entry_id,
            entry.number,
            entry.url,
            entry.legal_entity,
            document_id,
            tenant,
            settlement_id,
        ),
    )


async def freed(conn: Connection, tenant: str, document_id: str) -> None:
    """What was posted has been undone: what settled it stands on the account again."""
    await conn.execute(
        "update settlements set settles = null where tenant = %s and settles = %s",
        (tenant, document_id),
    )


async def by_id(conn: Connection, tenant: str, settlement_id: str) -> SettlementRecord | None:
    values = {"tenant": tenant, "id": settlement_id}
    found = await records.settlements(conn, "s.settlement_id = %(id)s", values)
    return found[0] if found else None


async def of_documents(
    conn: Connection, tenant: str, ids: Collection[str]
) -> tuple[SettlementRecord, ...]:
    """What settles these documents or is about them, in the order in which it moved."""
    return await records.settlements(
        conn,
        "(s.document_id = any(%(ids)s) or s.about = any(%(ids)s))",
        {"tenant": tenant, "ids": list(ids)},
    )


async def of_subject(conn: Connection, tenant: str, subject: str) -> tuple[SettlementRecord, ...]:
    """In the order in which it moved."""
    values = {"tenant": tenant, "subject": subject}
    return await records.settlements(conn, "s.subject = %(subject)s", values)


async def of_customer(
    conn: Connection, tenant: str, customer_id: str
) -> tuple[SettlementRecord, ...]:
    """Of all subscriptions and of the account, in the order in which it moved."""
    values = {"tenant": tenant, "customer": customer_id}
    return await records.settlements(conn, "s.customer_id = %(customer)s", values)


async def on_account(
    conn: Connection, tenant: str, customer_id: str
) -> tuple[SettlementRecord, ...]:
    """What was entered for the customer and settles no document, in the order in which it moved."""
    values = {"tenant": tenant, "customer": customer_id}
    return await records.settlements(
        conn,
        "s.customer_id = %(customer)s and s.entry_id is not null and s.settles is null",
        values,
    )


async def subject_of(
    conn: Connection, tenant: str, payment_id: str | None, document_id: str | None
) -> tuple[str, str, str] | None:
    """(subject, customer, document) of the document that the movement is about, else of the
    document itself, whichever is known."""
    found = await conn.execute(
        _SUBJECT_OF, {"tenant": tenant, "id": payment_id, "document": document_id}
    )
    return await found.fetchone()
