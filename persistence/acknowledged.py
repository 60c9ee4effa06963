"""Events that tell what every system agrees on already, because it was read after they happened."""

from persistence.changes import CHANNEL
from persistence.connection import Connection

#: Billing tells whole seconds, by a clock that may be off by a little.
_MARGIN_S = 3
#: A snapshot whose time is further from ours was read by a clock of its own: nothing is known of
#: what happened before it.
_SAME_CLOCK_S = 300

# The last plan of the subject must have come to an agreement, and must have been made from a
# reading that began after the event and held every document that the event names.
_TOLD = f"""
update changes set state = 'settled', outcome = 'no_change', stage = 'no_change',
  taken_in_by = agreed.id, summary = 'told already: it was read and agreed by ' || agreed.id,
  settled_at = now()
from (
  select last.id, last.outcome, last.read_at,
    coalesce(last.snapshot ->> 'as_of', last.snapshot -> 'subscription' ->> 'as_of')::timestamptz
      as as_of,
    array(select found ->> 'document_id'
      from jsonb_array_elements(last.snapshot -> 'documents') as found) as documents
  from changes this, lateral (
    select * from changes s
    where s.tenant = this.tenant and s.subject = this.subject and s.state = 'settled'
      and s.read_at is not null
    order by s.seq desc limit 1) as last
  where this.tenant = %(tenant)s and this.id = %(change)s
) as agreed
where changes.tenant = %(tenant)s and changes.id = %(change)s and changes.epoch = %(epoch)s
  and changes.state = 'starting' and changes.plan is null and not changes.whole
  and changes.event_id not like '%%#r%%'
  and agreed.outcome in ('completed', 'no_change')
  and changes.occurred_at + interval '{_MARGIN_S} seconds' <= agreed.read_at
  and abs(extract(epoch from agreed.as_of - agreed.read_at)) <= {_SAME_CLOCK_S}
  and changes.documents <@ agreed.documents
returning changes.id
"""  # noqa: S608 - put together from constants


async def settle(conn: Connection, tenant: str, change_id: str, epoch: int) -> bool:
    """Settle a claimed change that needs no saga. False where it needs one, or is not claimed."""
    found = await conn.execute(_TOLD, {"tenant": tenant, "change": change_id, "epoch": epoch})
    if await found.fetchone() is None:
        return False
    await conn.execute(f"notify {CHANNEL}".encode())
    return True
