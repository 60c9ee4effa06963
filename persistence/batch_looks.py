"""What has become of the items of a batch that were handed over: it is looked up where they are."""

from canonical_models.backfill import BackfillSubject
from canonical_models.batch import Batch, BatchKind
from persistence.connection import Connection

# What was handed over stands where its change stands. A webhook that is read again has its change
# once it was read.
_SEEN = """
with mine as (
  select i.number, i.outcome, i.change_id, n.status, n.reason as unread, n.change_id as made,
    %(kind)s = 'undo' and exists (select from documents d where d.tenant = i.tenant
      and d.document_id = i.key and d.state = 'posted') as stands,
    %(kind)s = 'release' and exists (select from decisions d where d.tenant = i.tenant
      and d.target_kind = 'exception' and d.target_id = i.key and d.delivered_at is null) as held
  from batch_items i left join inbox n
    on %(kind)s = 'replay' and n.tenant = i.tenant and n.id = (i.given ->> 'inbox_id')::bigint
  where i.tenant = %(tenant)s and i.batch_id = %(id)s
    and i.outcome in ('handed_over', 'at_work', 'needs_approval', 'waits')
), seen as (
  select m.number, c.id as change_id,
    case when m.status = 'received' or m.held then 'handed_over'
      when m.status = 'ignored' then 'done'
      when m.status = 'dead_lettered' then 'failed'
      when c.outcome in ('completed', 'no_change') and m.stands then 'failed'
      when c.outcome in ('completed', 'no_change') then 'done'
      when c.outcome is not null then 'failed'
      when coalesce(t.state, c.state) = 'waiting' and e.code = 'approval_needed'
        then 'needs_approval'
      when coalesce(t.state, c.state) = 'waiting' then 'waits'
      when coalesce(t.state, c.state) in ('starting', 'running') then 'at_work'
      when c.id is not null then 'handed_over' end as outcome,
    case when m.status = 'received' or m.held then null
      when m.status = 'ignored' then 'it is about nothing that is kept in agreement'
      when m.status = 'dead_lettered' then m.unread
      when c.outcome in ('completed', 'no_change') and m.stands
        then 'it was settled or credited meanwhile, and stands as it was posted'
      when c.outcome in ('compensated', 'cancelled') then 'its change was ' || c.outcome
      when coalesce(t.state, c.state) = 'waiting' then coalesce(e.code || ': ' || e.message,
        'it waits for a person')
      end as reason
  from mine m
  left join changes c on c.tenant = %(tenant)s and c.id = coalesce(m.made, m.change_id)
  left join changes t on t.tenant = c.tenant and t.id = c.taken_in_by and c.state = 'pending'
  left join lateral (select code, message from exceptions x where x.tenant = %(tenant)s
    and x.change_id = coalesce(t.id, c.id) and x.state = 'open'
    order by x.opened_at, x.id limit 1) e on true
)
update batch_items i set outcome = seen.outcome, reason = left(seen.reason, 2000),
  change_id = coalesce(seen.change_id, i.change_id),
  at = case when i.outcome = seen.outcome then i.at else clock_timestamp() end
from seen
where i.tenant = %(tenant)s and i.batch_id = %(id)s and i.number = seen.number
  and seen.outcome is not null
  and (i.outcome, i.reason) is distinct from (seen.outcome, left(seen.reason, 2000))
"""

# What a target is told, where the process of the customer was left to tell it.
_TOLD = """
with seen as (
  select i.number, case when t.confirmed >= (i.found ->> 'revision')::bigint then 'done'
      when e.code is not null then 'waits' when t.state = 'refused' then 'failed'
      else 'handed_over' end as outcome,
    case when t.confirmed >= (i.found ->> 'revision')::bigint then null
      when e.code is not null then e.code || ': ' || e.message
      when t.state = 'refused' then coalesce(t.error, 'it was given up') end as reason
  from batch_items i
  left join target_states t on t.tenant = i.tenant and t.target = i.given ->> 'target'
    and t.customer_id = i.given ->> 'customer'
  left join lateral (select code, message from exceptions x where x.tenant = i.tenant
    and x.change_id = i.found ->> 'process' and x.state = 'open'
    order by x.opened_at, x.id limit 1) e on true
  where i.tenant = %(tenant)s and i.batch_id = %(id)s and i.outcome in ('handed_over', 'waits')
)
update batch_items i set outcome = seen.outcome, reason = left(seen.reason, 2000),
  at = case when i.outcome = seen.outcome then i.at else clock_timestamp() end
from seen
where i.tenant = %(tenant)s and i.batch_id = %(id)s and i.number = seen.number
  and (i.outcome, i.reason) is distinct from (seen.outcome, left(seen.reason, 2000))
"""


async def look(conn: Connection, tenant: str, batch: Batch) -> None:
    """Each stands where it stands now."""
    if batch.kind in (BatchKind.ADOPT, BatchKind.PREVIEW):
        return
    given = {"tenant": tenant, "id": batch.batch_id, "kind": batch.kind.value}
    await conn.execute((_TOLD if _tells(batch) else _SEEN).encode(), given)


def _tells(batch: Batch) -> bool:
    if batch.kind is not BatchKind.BACKFILL:
        return False
    return bool(batch.given["selection"]["subject"] == BackfillSubject.PUBLISH)
