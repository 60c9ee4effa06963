"""What was found of customers, one by one and summed up, as it is reported."""

from pydantic import TypeAdapter

from canonical_models.adoption import (
    AdoptedCustomer,
    AdoptionResult,
    AdoptionTotals,
    CauseCount,
    ItemCount,
)
from persistence.connection import Connection

_CUSTOMERS = TypeAdapter(tuple[AdoptedCustomer, ...])
_CAUSES = TypeAdapter(tuple[CauseCount, ...])

_CUSTOMER_JSON = """
json_build_object('customer_id', customer_id, 'findings', causes, 'figures', figures)
"""

_CUSTOMERS_AFTER = f"""
select coalesce(json_agg({_CUSTOMER_JSON} order by customer_id), '[]')::text from (
  select * from adoption_customers
  where tenant = %(tenant)s and adoption_id = %(id)s and customer_id > %(after)s
    and (%(result)s::text is null or result = %(result)s)
  order by customer_id limit %(limit)s) page
"""  # noqa: S608 - put together from constants

_CAUSES_OF = """
select coalesce(json_agg(json_build_object('cause', cause, 'findings', findings,
  'customers', customers, 'example', example) order by customers desc, cause), '[]')::text
from (
  select found ->> 'cause' as cause, count(*) as findings,
    count(distinct customer_id) as customers, min(found ->> 'message') as example
  from adoption_customers, jsonb_array_elements(causes) found
  where tenant = %(tenant)s and adoption_id = %(id)s group by 1) counted
"""

_ITEMS_OF = """
select found ->> 'subject', count(distinct customer_id)
from adoption_customers, jsonb_array_elements(causes) found
where tenant = %(tenant)s and adoption_id = %(id)s and found ->> 'cause' = 'item_unmapped'
group by 1 order by 2 desc, 1 limit %(limit)s
"""

_TOTALS = """
with mine as (
  select figures from adoption_customers where tenant = %(tenant)s and adoption_id = %(id)s
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
    result: AdoptionResult | None = None,
    after: str = "",
    limit: int = 200,
) -> tuple[AdoptedCustomer, ...]:
    """By customer; `after` is the last one seen."""
    found = await conn.execute(
        _CUSTOMERS_AFTER.encode(),
        {
            "tenant": tenant,
            "id": adoption_id,
            "result": result.value if result else None,
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
