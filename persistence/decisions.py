"""What people have decided. A row is written in the transaction in which the decision takes effect,
or, where a saga has to act, in the one from which it is handed over."""

import secrets
from typing import Any

from psycopg.types.json import Jsonb

from canonical_models.decisions import DecisionView, Entrance, Outcome, Scope, Target
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
values (%(id)s, %(tenant)s, %(by)s, %(door)s, %(address)s, %(request)s, %(action)s, %(kind)s,
  %(target)s, %(change)s, %(scope)s, %(version)s, %(digest)s, %(before)s, %(after)s, %(reason)s,
  %(once)s, case when %(outcome)s::text is not null then now() end, %(outcome)s)
returning {_COLUMNS}
"""  # noqa: S608 - put together from constants


async def record(
    conn: Connection,
    tenant: str,
    entrance: Entrance,
    *,
    by: str,
    action: str,
    target: tuple[Target, str],
    outcome: Outcome | None = Outcome.DONE,
    change_id: str | None = None,
    scope: Scope = Scope.CASE,
    shown_version: int | None = None,
    shown_digest: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    once: str | None = None,
) -> DecisionView:
    """`outcome` None where it is still to be handed over: of one target one decision may be."""
    kind, target_id = target
    made = await fetch_one(
        conn,
        DecisionView,
        _RECORD,
        {
            "id": f"dec_{secrets.token_hex(10)}",
            "tenant": tenant,
            "by": by,
            "door": entrance.door,
            "address": entrance.address,
            "request": entrance.request_id,
            "action": action,
            "kind": kind,
            "target": target_id,
            "change": change_id,
            "scope": scope,
            "version": shown_version,
            "digest": shown_digest,
            "before": None if before is None else Jsonb(before),
            "after": None if after is None else Jsonb(after),
            "reason": reason,
            "once": once,
            "outcome": outcome,
        },
    )
    if made is None:
        raise AssertionError("an insert that did not raise has made a row")
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
