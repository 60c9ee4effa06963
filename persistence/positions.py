"""Where things stand that pages show: that they have changed, never what they hold.

Nothing is written for it: the history of cases, the lists of what is done in bulk, and what is
known of connections say when.
"""

from collections.abc import Collection
from datetime import timedelta

from canonical_models.base import Canonical, Instant
from persistence.connection import Connection
from persistence.rows import fetch


class Change(Canonical):
    """`topic` is what has changed, as `work`, `cases/exc_1`, `causes/…`, `batches/…` or
    `connections`; `mark` tells one change of it from another, `at` says when it was."""

    tenant: str
    topic: str
    mark: str
    at: Instant


_OF_LATE = """
with lines as (
  select h.tenant, h.seq::text as mark, h.at, h.about, e.id, e.cause from case_history h
  left join exceptions e on e.tenant = h.tenant and e.id = h.about
  where h.tenant = any(%(tenants)s) and h.at > now() - %(within)s)
select tenant, 'work' as topic, mark, at from lines
union all
select tenant, case when id is null then 'causes/' else 'cases/' end || about, mark, at from lines
union all
select tenant, 'causes/' || cause, mark, at from lines where cause is not null
union all
select b.tenant, 'batches/' || b.id, b.state || items.counts || yeses.count, greatest(items.at,
  b.begun_at, b.ended_at, yeses.at) from batches b cross join lateral (
    select coalesce(' yes' || nullif(count(*), 0), '') as count, max(d.at) as at from decisions d
    where d.tenant = b.tenant and d.target_kind = 'batch' and d.target_id = b.id) yeses
  cross join lateral (
    select coalesce(string_agg(' ' || outcome || n, '' order by outcome), '') as counts,
      max(at) as at
    from (select outcome, count(*) as n, max(at) as at from batch_items i
      where i.tenant = b.tenant and i.batch_id = b.id group by outcome) of_each) items
where b.tenant = any(%(tenants)s)
  and (b.state in ('running', 'paused') or b.ended_at > now() - %(within)s)
union all
select tenant, 'connections', connection || ' ' || state || ' ' || since, since from breakers
where tenant = any(%(tenants)s) and since > now() - %(within)s
"""


async def of_late(
    conn: Connection, tenants: Collection[str], within: timedelta
) -> tuple[Change, ...]:
    """What has changed within that time, and all that runs in bulk now, in no order."""
    given = {"tenants": list(tenants), "within": within}
    return await fetch(conn, Change, _OF_LATE, given)
