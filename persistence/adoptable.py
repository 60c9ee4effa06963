"""What our own tables know of a customer before it is taken over."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL
from pydantic import TypeAdapter

from canonical_models.entitlement import Grant, SubscriptionSupport
from canonical_models.mapping import AccountMapping
from canonical_models.records import DocumentRecord
from persistence import records
from persistence.connection import Connection
from persistence.grants import AS_JSON, GRANTS

_CONTRIBUTIONS = TypeAdapter(tuple[SubscriptionSupport, ...])

#: Documents of one customer that were seen and not found: far more than anybody has.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What our tables say of a customer's subscriptions, all in one look."""

    #: On which every system has agreed before.
    agreed: frozenset[str]
    #: Which a change is at work on or waits for, and of which a person holds access back.
    changing: frozenset[str]
    #: Movements that the ERP has.
    entered: frozenset[str]
    #: What the subscriptions give.
    held: tuple[Grant, ...]
    #: What is asked of the organisation by those that were agreed on and by whoever else has it.
    beside: tuple[SubscriptionSupport, ...]


_KNOWN = (
    SQL("""
with agreed as (
  select subscription_id from subscription_states
  where tenant = %(tenant)s and subscription_id = any(%(ids)s)
)
select array(select subscription_id from agreed),
  array(select subject from changes
    where tenant = %(tenant)s and subject = any(%(ids)s) and state <> 'settled'
    union select subscription_id from access_holds
    where tenant = %(tenant)s and subscription_id = any(%(ids)s)),
  array(select settlement_id from settlements
    where tenant = %(tenant)s and settlement_id = any(%(movements)s) and entry_id is not null),
  (select {grants} from grants g
    where g.tenant = %(tenant)s and g.subscription_id = any(%(ids)s) and g.withdrawn_at is null),
  (select coalesce(json_agg(contribution order by subscription_id), '[]')::text
    from support_contributions where tenant = %(tenant)s and organization = %(organization)s
      and (subscription_id <> all(%(ids)s) or subscription_id in (select * from agreed)))
""")
    .format(grants=AS_JSON)
    .as_bytes()
)

_CHANGING = """
select array(select subscription_id from subscription_states
    where tenant = %(tenant)s and subscription_id = any(%(ids)s)),
  array(select subject from changes
    where tenant = %(tenant)s and subject = any(%(ids)s) and state <> 'settled'
    union select subscription_id from access_holds
    where tenant = %(tenant)s and subscription_id = any(%(ids)s))
"""

_MAP = """
insert into mappings (tenant, kind, source, target, valid_from, set_by)
select %(tenant)s, 'account', %(customer)s, %(target)s::jsonb, clock_timestamp(), %(by)s
where not exists (select from mappings where tenant = %(tenant)s and kind = 'account'
  and source = %(customer)s and (valid_to is null or valid_to > clock_timestamp()))
"""


async def known(
    conn: Connection,
    tenant: str,
    subscriptions: Collection[str],
    *,
    movements: Collection[str],
    organization: str | None,
) -> Known:
    found = await conn.execute(
        _KNOWN,
        {
            "tenant": tenant,
            "ids": list(subscriptions),
            "movements": list(movements),
            "organization": organization,
        },
    )
    agreed, changing, entered, held, beside = await found.fetchone() or ((), (), (), "[]", "[]")
    return Known(
        agreed=frozenset(agreed),
        changing=frozenset(changing),
        entered=frozenset(entered),
        held=GRANTS.validate_json(held),
        beside=_CONTRIBUTIONS.validate_json(beside),
    )


async def begun(
    conn: Connection, tenant: str, subscriptions: Collection[str]
) -> tuple[set[str], set[str]]:
    """(those that something was agreed of, those that are left to changes)."""
    found = await conn.execute(_CHANGING, {"tenant": tenant, "ids": list(subscriptions)})
    agreed, changing = await found.fetchone() or ((), ())
    return set(agreed), set(changing)


async def map_account(conn: Connection, tenant: str, mapping: AccountMapping, *, by: str) -> None:
    """From now on; nothing where somebody has mapped the customer meanwhile, or for later."""
    customer = mapping.billing_customer
    # As whoever else sets it: two that set the same see each other.
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"mapping/{tenant}/account/{customer}",),
    )
    await conn.execute(
        _MAP,
        {
            "tenant": tenant,
            "customer": customer,
            "target": mapping.model_dump_json(),
            "by": by,
        },
    )


async def unlinked(
    conn: Connection, tenant: str, customer_id: str, *, cutover: datetime
) -> tuple[DocumentRecord, ...]:
    """The customer's documents of before the cutover that were seen, stand for none of the ERP, and
    were not settled by then."""
    return await records.documents(
        conn,
        "customer_id = %(customer)s and state = 'before_cutover' and posted is null "
        "and (remaining_minor <> 0 or exists (select from jsonb_array_elements("
        "document -> 'settlements') moved where (moved ->> 'at')::timestamptz >= %(cutover)s)) "
        "order by issued_at, document_id limit %(most)s",
        {"tenant": tenant, "customer": customer_id, "cutover": cutover, "most": _MOST},
    )
