"""Batches that foresee what cases of a cause would come to, summed up."""

from canonical_models.base import Canonical
from canonical_models.money import Money
from canonical_models.preview import Comes
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from persistence import batches, exceptions
from persistence.causes import Which
from persistence.connection import Connection
from persistence.rows import fetch

#: Of a change that asks the same twice, for its books and for its access, one: both go on together.
_OPEN = """
select id as key, null::jsonb as given from (
  select distinct on (change_id) id, opened_at from exceptions
  where tenant = %(tenant)s and cause = %(cause)s and state = 'open'
    and id not in (select i.key from batch_items i
      where i.tenant = %(tenant)s and i.batch_id = %(beside)s::text)
    and coalesce(change_id, '') not in (select i.change_id from batch_items i
      where i.tenant = %(tenant)s and i.batch_id = %(beside)s::text and i.change_id is not null)
  order by change_id, track desc, opened_at) cases
order by opened_at, id
"""

#: Those that every system last agreed on, and that the mapping is about.
_USING = """
select subscription_id as key, jsonb_build_object('subject', subscription_id) as given
from subscription_states s
where tenant = %(tenant)s and (customer_id = %(customer)s or exists (
  select from jsonb_array_elements(snapshot -> 'items') i
  where %(item)s in (i #>> '{plan,item}', i #>> '{plan,plan_id}')))
order by subscription_id
"""

_COMES = """
select found ->> 'comes', count(*) from batch_items
where tenant = %s and batch_id = %s and found is not null group by 1 order by 1
"""

_FIRST = """
with cases as (
  select number, key, found -> 'documents' as documents from batch_items
  where tenant = %(tenant)s and batch_id = %(id)s and found ->> 'comes' = 'goes_through'),
commonest as (
  select d ->> 'legal_entity' as entity from cases, jsonb_array_elements(documents) d
  group by 1 order by count(*) desc, 1 limit 1)
select (select count(*) from cases), (
  select key from cases where %(first)s::text is null or key = %(first)s
  order by (select sum(abs((d #>> '{gross,minor}')::bigint)) from jsonb_array_elements(documents) d
    where d ->> 'legal_entity' = (select entity from commonest)) nulls last, number
  limit 1)
"""

_GOING_THROUGH = """
select key, coalesce(given, '{}')
  || jsonb_build_object('digest', found -> 'digest', 'summary', found -> 'summary',
    'preview', %(preview)s::text, 'gross', jsonb_path_query_array(found, '$.documents[*].gross'))
  as given
from batch_items
where tenant = %(tenant)s and batch_id = %(preview)s and found ->> 'comes' = 'goes_through'
order by key = coalesce(%(first)s::text, '') desc, number
"""

_TOTALS = """
select d ->> 'legal_entity' as legal_entity, count(*) as documents,
  jsonb_build_object('currency', d #>> '{net,currency}',
    'minor', sum((d #>> '{net,minor}')::bigint)::bigint) as net,
  jsonb_build_object('currency', d #>> '{tax,currency}',
    'minor', sum((d #>> '{tax,minor}')::bigint)::bigint) as tax,
  jsonb_build_object('currency', d #>> '{gross,currency}',
    'minor', sum((d #>> '{gross,minor}')::bigint)::bigint) as gross,
  min(d ->> 'posting_date') as earliest
from batch_items i, jsonb_array_elements(i.found -> 'documents') d
where i.tenant = %(tenant)s and i.batch_id = %(id)s and i.found ->> 'comes' = 'goes_through'
  and d -> 'gross' <> 'null'
group by d ->> 'legal_entity', d #>> '{net,currency}', d #>> '{tax,currency}',
  d #>> '{gross,currency}'
order by 1, d #>> '{gross,currency}'
"""


class PreviewTotal(Canonical):
    """What would be posted in one legal entity and currency; `earliest` is the first day of the
    books."""

    legal_entity: str
    documents: int
    net: Money
    tax: Money
    gross: Money
    earliest: str | None


async def first_of(conn: Connection, tenant: str, cause_id: str) -> ExceptionView | None:
    """The oldest open case of the cause."""
    found = await exceptions.page(
        conn, tenant, state=ExceptionState.OPEN, which=Which(cause=cause_id), limit=1
    )
    return found[0] if found else None


async def freeze(
    conn: Connection, tenant: str, batch_id: str, cause_id: str, *, beside: str | None = None
) -> int:
    """All open cases of the cause onto the list; how many there are. `beside` is a release whose
    own are left out."""
    given = {"cause": cause_id, "beside": beside}
    return await batches.add_found(conn, tenant, batch_id, _OPEN, given)


async def freeze_using(
    conn: Connection, tenant: str, batch_id: str, *, customer: str | None, item: str | None
) -> int:
    """The subscriptions of the customer, or that subscribe to the price or product, onto the
    list; how many there are."""
    given = {"customer": customer, "item": item}
    return await batches.add_found(conn, tenant, batch_id, _USING, given)


async def comes(conn: Connection, tenant: str, batch_id: str) -> dict[Comes, int]:
    """How many of those that were looked at come to what."""
    found = await conn.execute(_COMES, (tenant, batch_id))
    return {Comes(name): count for name, count in await found.fetchall()}


async def that_go_through(
    conn: Connection, tenant: str, batch_id: str, first: str | None = None
) -> tuple[int, str | None]:
    """How many go through, and which is to be tried first: `first`, None where it is none of them;
    by default the smallest amount in the legal entity that most are posted for."""
    given = {"tenant": tenant, "id": batch_id, "first": first}
    found = await conn.execute(_FIRST, given)
    row = await found.fetchone()
    return (row[0], row[1]) if row else (0, None)


async def release(
    conn: Connection, tenant: str, batch_id: str, preview: str, first: str | None = None
) -> None:
    """Those of the preview that go through onto the list, `first` before the others, each with
    what was foreseen of it."""
    given = {"preview": preview, "first": first}
    await batches.add_found(conn, tenant, batch_id, _GOING_THROUGH, given)


async def totals(conn: Connection, tenant: str, batch_id: str) -> tuple[PreviewTotal, ...]:
    """Of those that go through."""
    return await fetch(conn, PreviewTotal, _TOTALS, {"tenant": tenant, "id": batch_id})
