"""What was found of customers, one by one and summed up, as it is reported."""

from pydantic import TypeAdapter

from canonical_models.adoption import (
    AdoptedCustomer,
    AdoptionTotals,
    CauseCount,
    ItemCount,
)
from persistence.connection import Connection

_CUSTOMERS = TypeAdapter(tuple[AdoptedCustomer, ...])
_CAUSES = TypeAdapter(tuple[CauseCount, ...])

_CUSTOMERS_AFTER = """
select coalesce(json_agg(found order by key), '[]')::text from (
  select key, found from batch_items
  where tenant = %(tenant)s and batch_id = %(id)s and key > %(after)s and found is not null
    and (not %(left)s or outcome <> 'done')
  order by key limit %(limit)s) page
"""

_CAUSES_OF = """
select coalesce(json_agg(json_build_object('cause', cause, 'findings', findings,
  'customers', customers, 'example', example) order by customers desc, cause), '[]')::text
from (
  select one ->> 'cause' as cause, count(*) as findings,
    count(distinct key) as customers, min(one ->> 'message') as example
  from batch_items, jsonb_array_elements(found -> 'findings') one
  where tenant = %(tenant)s and batch_id = %(id)s group by 1) counted
"""

_ITEMS_OF = """
select one ->> 'subject', count(distinct key)
from batch_items, jsonb_array_elements(found -> 'findings') one
where tenant = %(tenant)s and batch_id = %(id)s and one ->> 'cause' = 'item_unmapped'
group by 1 order by 2 desc, 1 limit %(limit)s
"""

_TOTALS = """
with mine as (
  select found -> 'figures' as figures from batch_items
  where tenant = %(tenant)s and batch_id = %(id)s and found is not null
), summed as (
  select coalesce(sum((figures ->> 'subscriptions')::bigint), 0)::bigint as subscriptions,
    coalesce(sum((figures ->> 'given')::bigint), 0)::bigint as given,
    coalesce(sum((figures ->> 'documents')::bigint), 0)::bigint as documents,
    coalesce(sum((figures ->> 'linked')::bigint), 0)::bigint as linked,
    coalesce(sum((figures ->> 'asked')::bigint), 0)::bigint as asked from mine
), opened as (
  select figures ->> 'account' as step, count(*) as customers from mine group by 1
), sides as (
  select side #>> '{billing,currency}' as currency,
    sum((side #>> '{billing,minor}')::bigint)::bigint as billing,
    sum((side #>> '{erp,minor}')::bigint)::bigint as erp
  from mine, jsonb_array_elements(figures -> 'balances') side group by 1
)
select (to_jsonb(summed) || jsonb_build_object(
  'accounts', (select coalesce(jsonb_object_agg(step, customers), '{}') from opened),
  'balances', (select coalesce(jsonb_agg(jsonb_build_object(
    'billing', jsonb_build_object('minor', billing, 'currency', currency),
    'erp', jsonb_build_object('minor', erp, 'currency', currency)) order by currency), '[]')
    from sides)))::text
from summed
"""


async def customers(
    conn: Connection,
    tenant: str,
    adoption_id: str,
    *,
    left_only: bool = False,
    after: str = "",
    limit: int = 200,
) -> tuple[AdoptedCustomer, ...]:
    """By customer; `after` is the last one seen."""
    found = await conn.execute(
        _CUSTOMERS_AFTER.encode(),
        {
            "tenant": tenant,
            "id": adoption_id,
            "left": left_only,
            "after": after,
            "limit": limit,
        },
    )
    row = await found.fetchone()
    return _CUSTOMERS.validate_json(row[0] if row else "[]")


async def causes(conn: Connection, tenant: str, adoption_id: str) -> tuple[CauseCount, ...]:
    """What is left for people, the most frequent first."""
    found = await conn.execute(_CAUSES_OF, {"tenant": tenant, "id": adoption_id})
    row = await found.fetchone()
    return _CAUSES.validate_json(row[0] if row else "[]")


async def items(
    conn: Connection, tenant: str, adoption_id: str, *, limit: int = 1000
) -> tuple[ItemCount, ...]:
    """Keys that nobody has mapped, each once, the most frequent first."""
    found = await conn.execute(_ITEMS_OF, {"tenant": tenant, "id": adoption_id, "limit": limit})
    return tuple(ItemCount(item=key, customers=count) for key, count in await found.fetchall())


async def totals(conn: Connection, tenant: str, adoption_id: str) -> AdoptionTotals:
    found = await conn.execute(_TOTALS, {"tenant": tenant, "id": adoption_id})
    row = await found.fetchone()
    return AdoptionTotals.model_validate_json(row[0]) if row else AdoptionTotals()
