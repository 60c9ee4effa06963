"""What people have decided. A row is written in the transaction in which the decision takes effect,
or, where a saga has to act, in the one from which it is handed over."""

import secrets
from collections.abc import Collection
from typing import Any

from psycopg.types.json import Jsonb

from canonical_models.base import Canonical
from canonical_models.decisions import DecisionMade, DecisionView, Entrance, Outcome, Target
from persistence.connection import Connection
from persistence.rows import columns, fetch, fetch_one

#: Wakes whoever hands decisions over.
CHANNEL = "trueup_decisions"

_COLUMNS = columns(DecisionView, decision_id="id", by="decided_by")
_SELECT = f"select {_COLUMNS} from decisions"  # noqa: S608 - put together from constants

_RECORD = f"""
insert into decisions (id, tenant, decided_by, door, address, request_id, action, target_kind,
  target_id, change_id, scope, shown_version, shown_digest, before, after, reason, once,
  delivered_at, outcome)
values (%(id)s, %(tenant)s, %(by)s, %(door)s, %(address)s, %(request_id)s, %(action)s,
  %(target_kind)s, %(target_id)s, %(change_id)s, %(scope)s, %(shown_version)s, %(shown_digest)s,
  %(before)s, %(after)s, %(reason)s, %(once)s,
  case when %(outcome)s::text is not null then now() end, %(outcome)s)
returning {_COLUMNS}
"""  # noqa: S608 - put together from constants

#: What was to be decided has ended in another way: the question has answered itself, or the change
#: has. A worker of a release before acts on a decision and knows of no row.
_OUTLIVED = """
update decisions d set delivered_at = now(), outcome = case when exists (select from exceptions e
    where d.target_kind = 'exception' and e.tenant = d.tenant and e.id = d.target_id
    and (e.resolution, e.resolved_by) = (d.action, d.decided_by)) then 'taken' else 'void' end
where d.delivered_at is null and case d.target_kind
  when 'exception' then exists (select from exceptions e
    where e.tenant = d.tenant and e.id = d.target_id and e.state <> 'open')
  when 'change' then exists (select from changes c
    where c.tenant = d.tenant and c.id = d.target_id and c.state = 'settled')
  else false end
"""

#: A change without a saga has nobody who could take it: the next run is told.
_UNDERWAY = """
select d.id as decision_id, d.tenant, d.target_kind, d.target_id, d.after,
  e.workflow_id, coalesce(e.belongs_to, c.subject) as subject, c.run_id
from decisions d
left join exceptions e on d.target_kind = 'exception' and e.tenant = d.tenant
  and e.id = d.target_id
left join changes c on c.tenant = d.tenant and c.id = coalesce(e.change_id, d.target_id)
where d.delivered_at is null
  and (e.workflow_id is not null or c.state in ('starting', 'running', 'waiting'))
order by d.seq limit %s
"""


class Underway(Canonical):
    """What is still to be handed over, and to whom: the process `workflow_id`, or the saga of
    `subject`."""

    decision_id: str
    tenant: str
    target_kind: Target
    target_id: str
    after: dict[str, Any] | None
    workflow_id: str | None
    subject: str | None
    #: Of the change that is decided about, as far as it is known.
    run_id: str | None


async def record(
    conn: Connection,
    tenant: str,
    entrance: Entrance,
    decided: DecisionMade,
    *,
    outcome: Outcome | None = Outcome.DONE,
) -> DecisionView:
    """`outcome` None where it is still to be handed over: of one target one decision may be."""
    values = decided.model_dump() | entrance.model_dump()
    for side in ("before", "after"):
        values[side] = None if values[side] is None else Jsonb(values[side])
    (made,) = await fetch(
        conn,
        DecisionView,
        _RECORD,
        {
            **values,
            "id": f"dec_{secrets.token_hex(10)}",
            "tenant": tenant,
            "outcome": outcome,
        },
    )
    if outcome is None:
        await conn.execute(f"notify {CHANNEL}".encode())
    return made


async def made_once(conn: Connection, tenant: str, once: str) -> DecisionView | None:
    """What was decided under this name. Until the end of the transaction nobody else decides under
    it."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"once/{tenant}/{once}",)
    )
    return await fetch_one(
        conn, DecisionView, f"{_SELECT} where tenant = %s and once = %s", (tenant, once)
    )


async def get(conn: Connection, tenant: str, decision_id: str) -> DecisionView | None:
    one = f"{_SELECT} where tenant = %s and id = %s"
    return await fetch_one(conn, DecisionView, one, (tenant, decision_id))


async def on(
    conn: Connection, tenant: str, kind: Target, target_id: str, *, limit: int = 100
) -> tuple[DecisionView, ...]:
    """The newest first."""
    return await fetch(
        conn,
        DecisionView,
        f"{_SELECT} where tenant = %s and target_kind = %s and target_id = %s "
        "order by seq desc limit %s",
        (tenant, kind, target_id, limit),
    )


async def newest_on(
    conn: Connection, tenant: str, kind: Target, target_ids: Collection[str]
) -> dict[str, DecisionView]:
    """The newest of each; targets that nobody has decided are left out."""
    newest = (
        f"select distinct on (target_id) {_COLUMNS} from decisions "  # noqa: S608 - of constants
        "where tenant = %s and target_kind = %s and target_id = any(%s) "
        "order by target_id, seq desc"
    )
    found = await fetch(conn, DecisionView, newest, (tenant, kind, list(target_ids)))
    return {made.target_id: made for made in found}


async def of_change(
    conn: Connection, tenant: str, change_id: str, *, limit: int = 500
) -> tuple[DecisionView, ...]:
    """All that was decided of the change, of its questions and of what it carries out; the oldest
    first."""
    return await fetch(
        conn,
        DecisionView,
        f"{_SELECT} where tenant = %s and change_id = %s order by seq limit %s",
        (tenant, change_id, limit),
    )


async def close(conn: Connection, decision_id: str, outcome: Outcome) -> bool:
    """What became of it; False where that has been said already."""
    closed = await conn.execute(
        "update decisions set delivered_at = now(), outcome = %s "
        "where id = %s and delivered_at is null",
        (outcome, decision_id),
    )
    return closed.rowcount > 0


async def outlived(conn: Connection) -> None:
    """Close those whose object has ended without them."""
    await conn.execute(_OUTLIVED.encode())


async def all_underway(conn: Connection, *, limit: int) -> tuple[Underway, ...]:
    """What is still to be handed over, the oldest first."""
    return await fetch(conn, Underway, _UNDERWAY, (limit,))


async def underway(
    conn: Connection, tenant: str, kind: Target, target_id: str
) -> DecisionView | None:
    """The decision that is still to be handed over."""
    return await fetch_one(
        conn,
        DecisionView,
        f"{_SELECT} where tenant = %s and target_kind = %s and target_id = %s "
        "and delivered_at is null",
        (tenant, kind, target_id),
    )
