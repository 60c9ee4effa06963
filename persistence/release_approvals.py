"""What a yes to a release, or to its undo, as a whole is a yes to; who has said it, and who has
caused what it does. A yes is a decision, so that the trail has it."""

from typing import Any

from canonical_models.approvals import Approval, Extent
from canonical_models.batch import Batch, BatchKind
from canonical_models.decisions import Target
from persistence.connection import Connection
from persistence.rows import fetch, fetch_one

#: Those of which a yes may be asked.
KINDS = (BatchKind.RELEASE, BatchKind.UNDO)


class Listed(Extent):
    """`content` is a digest of all that was looked at: the mend, and each on the list as it was
    foreseen, in its order."""

    content: str


_LISTED = """
with listed as (
  select number, key, coalesce(given, '{}') as given from batch_items
  where tenant = %(tenant)s and batch_id = %(id)s),
amounts as (
  select g ->> 'currency' as currency, sum(abs((g ->> 'minor')::bigint))::bigint as minor,
    count(*) as documents
  from listed, jsonb_array_elements(coalesce(listed.given -> 'gross', '[]')) g group by 1)
select encode(sha256(convert_to((select b.given::text from batches b
    where b.tenant = %(tenant)s and b.id = %(id)s) || coalesce((
    select string_agg(key || ' ' || given::text, E'\n' order by number) from listed), ''),
    'UTF8')), 'hex') as content,
  (select count(*) from listed) as cases,
  coalesce((select jsonb_agg(jsonb_build_object('currency', currency, 'minor', minor)
    order by currency) from amounts where currency is not null), '[]') as amounts,
  coalesce((select documents from amounts where currency is null), 0) as unknown
"""

_SAID = """
select coalesce(shown_digest, '') as content, decided_by as by, after -> 'roles' as roles
from decisions where tenant = %(tenant)s and target_kind = %(kind)s and target_id = %(id)s
  and action = 'approve' order by seq
"""

#: Whoever has begun it, has made a preview that is on its list, or has filled in a row of it.
_CAUSED = """
select begun_by from batches where tenant = %(tenant)s and (id = %(id)s or id in (
  select given ->> 'preview' from batch_items where tenant = %(tenant)s and batch_id = %(id)s))
union select given ->> 'said_by' from batch_items
where tenant = %(tenant)s and batch_id = %(id)s and given ? 'said_by'
order by 1
"""


async def listed(conn: Connection, tenant: str, batch: Batch) -> Listed:
    """Of a batch that there is."""
    found = await fetch_one(conn, Listed, _LISTED, _of(tenant, batch))
    if found is None:
        raise AssertionError("a select of aggregates has a row")
    return found


async def said(conn: Connection, tenant: str, batch: Batch) -> tuple[Approval, ...]:
    """All that was said of it, whatever its content was then, in its order."""
    given = {**_of(tenant, batch), "kind": Target.BATCH.value}
    return await fetch(conn, Approval, _SAID, given)


async def caused_by(conn: Connection, tenant: str, batch: Batch) -> tuple[str, ...]:
    """Who may not say yes to it, by name."""
    found = await conn.execute(_CAUSED, _of(tenant, batch))
    return tuple(row[0] for row in await found.fetchall())


def _of(tenant: str, batch: Batch) -> dict[str, Any]:
    return {"tenant": tenant, "id": batch.batch_id}
