"""What is bulky and old is dropped; keys, outcomes, proofs and references stay for good.

Rows are visited once, in the order in which they were made: `retention.up_to` says how far. So no
index is needed, and nothing is looked at again. Comparisons are the exception: what has gone may
come back, so it is found by when it went; and what was planned in shadow, of which a tenant needs
all or nothing. What the effect ledger holds is small, and is what an
undo goes by: it stays.
"""

from collections.abc import Mapping
from datetime import timedelta

from persistence.database import Database

ROWS = 500

# A dead letter keeps its body for longer: it waits for its replay.
_INBOX = """
update inbox set body = '',
  reason = coalesce(reason, 'its body was dropped by the retention policy')
from old where inbox.id = old.place and inbox.status in ('dispatched', 'ignored')
"""

# Whatever has become of it since the first visit: it was replayed, or nobody could ever read it.
_DEAD_LETTERS = """
update inbox set body = '',
  status = case inbox.status when 'received' then 'dead_lettered' else inbox.status end,
  settled_at = coalesce(settled_at, now()),
  reason = concat_ws('; ', reason, 'its body was dropped by the retention policy')
from old where inbox.id = old.place and octet_length(inbox.body) > 0
"""

# Later changes are compared with the newest plan of their subject.
_PLANS = """
update changes set plan = null, snapshot = null
from old where changes.seq = old.place and changes.state = 'settled' and changes.plan is not null
  and exists (select from changes as newer where newer.tenant = changes.tenant
    and newer.subject = changes.subject and newer.seq > changes.seq and newer.plan is not null)
"""

# The key stays, so that nothing is published twice.
_OUTBOX = "update outbox set event = null from old where outbox.seq = old.place"

# What is still to be told stays, and says so when it cannot be told any more; but where its stream
# was removed while the event was being published.
_DELIVERIES = """
delete from deliveries d using old where d.seq = old.place
  and (d.state = 'delivered' or not exists (select from streams s where s.id = d.stream))
"""

#: (table, its order, when a row was made, what is dropped), by the name of the policy.
_PARTS = {
    "inbox": ("inbox", "id", "received_at", _INBOX),
    "dead_letter": ("inbox", "id", "received_at", _DEAD_LETTERS),
    "plans": ("changes", "seq", "received_at", _PLANS),
    "outbox": ("outbox", "seq", "created_at", _OUTBOX),
    "deliveries": ("outbox", "seq", "created_at", _DELIVERIES),
}

# Of each tenant the newest one stays, whatever its age: it is what doors show.
_RECONCILIATION = (
    """
delete from differences where ctid = any(array(select ctid from differences
  where closed_at < now() - %(age)s order by closed_at limit %(rows)s for update skip locked))
""",
    """
delete from reconciliations where id = any(array(select r.id from reconciliations r
  where r.began_at < now() - %(age)s and exists (select from reconciliations newer
    where newer.tenant = r.tenant and newer.began_at > r.began_at
      and newer.ended_at is not null)
  order by r.began_at limit %(rows)s for update skip locked))
""",
)
# Each plan goes by all that were made of its customer before: a tenant's go together, long after it
# has planned the last one. What was looked for goes first, since the plans say how old it is.
_SHADOW = tuple(
    f"""
delete from {table} where ctid = any(array(select ctid from {table} where tenant = any(array(
  select tenant from shadow_changes group by tenant having max(planned_at) < now() - %(age)s))
  limit %(rows)s for update skip locked))
"""  # noqa: S608 - put together from constants
    for table in ("shadow_items", "shadow_changes")
)
#: What is found by its age.
_BY_AGE = {"reconciliation": _RECONCILIATION, "shadow": _SHADOW}

_STEP = """
with batch as materialized (
  select {order} as place, {made} as made from {table} where {order} > %(up_to)s
  order by {order} limit %(rows)s
), old as materialized (
  select place from batch where made < now() - %(age)s
), dropped as ({drop} returning 1)
select count(*), max(place), (select count(*) from dropped) from old
"""


async def drop(database: Database, days: Mapping[str, int]) -> dict[str, int]:
    """How much was dropped, by the name of the policy (`inbox`, `dead_letter`, `plans`, `outbox`,
    `deliveries`, `reconciliation`, `shadow`): what is older than so many `days`; 0 keeps it for
    good. In small transactions, and what another worker is at is left to it."""
    dropped = {}
    for name, age in days.items():
        dropped[name] = 0
        if age and name in _BY_AGE:
            dropped[name] = await _by_age(database, name, timedelta(days=age))
            continue
        while age:
            seen, gone = await _step(database, name, timedelta(days=age))
            dropped[name] += gone
            if seen < ROWS:
                break
    return dropped


async def _by_age(database: Database, name: str, age: timedelta) -> int:
    dropped = 0
    for statement in _BY_AGE[name]:
        gone = ROWS
        while gone == ROWS:
            async with database.transaction() as conn:
                done = await conn.execute(statement.encode(), {"age": age, "rows": ROWS})
                gone = done.rowcount
            dropped += gone
    return dropped


async def _step(database: Database, name: str, age: timedelta) -> tuple[int, int]:
    table, order, made, drop_ = _PARTS[name]
    statement = _STEP.format(table=table, order=order, made=made, drop=drop_)
    async with database.transaction() as conn:
        await conn.execute(
            "insert into retention (part) values (%s) on conflict do nothing", (name,)
        )
        found = await conn.execute(
            "select up_to from retention where part = %s for update skip locked", (name,)
        )
        row = await found.fetchone()
        if row is None:
            return 0, 0
        found = await conn.execute(statement.encode(), {"up_to": row[0], "rows": ROWS, "age": age})
        seen, place, gone = await found.fetchone() or (0, None, 0)
        if seen:
            await conn.execute(
                "update retention set up_to = %s, at = now() where part = %s", (place, name)
            )
    return seen, gone
