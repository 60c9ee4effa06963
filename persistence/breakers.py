"""Which vendors are away: what workers share of their breakers, and the one question of each."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from canonical_models.base import Canonical, Instant
from canonical_models.exceptions import VENDOR_AWAY, Track
from canonical_models.failures import FailureClass, Team
from persistence.connection import Connection
from persistence.exceptions import fingerprint
from persistence.rows import fetch


class ConnectionView(Canonical):
    """A vendor's connection: `open` while it is away, with the reason and the next look whether it
    is back. `limit_seen` is how many calls at once it was last found to take, `answer_ms` how long
    an answer took of late; `drifts` how many calls have met an answer that does not fit its
    contract, and wait for one that does; `exception_id` the question that is open about it."""

    tenant: str
    connection: str
    state: str
    since: Instant
    probe_at: Instant | None
    reason: str | None
    limit_seen: int | None
    answer_ms: int | None
    exception_id: str | None
    drifts: int


@dataclass(frozen=True)
class Away:
    """Both in seconds from now; `probe_in` is not positive when somebody is to ask."""

    for_: float
    probe_in: float
    reason: str


_OPEN = """
insert into breakers (tenant, connection, state, probe_at, reason)
values (%(tenant)s, %(connection)s, 'open', now() + %(probe_in)s * interval '1 second', %(reason)s)
on conflict (tenant, connection) do update set
  state = 'open', reason = excluded.reason, updated_at = now(),
  since = case when breakers.state = 'open' then breakers.since else now() end,
  probe_at = greatest(excluded.probe_at,
                      case when breakers.state = 'open' then breakers.probe_at end)
returning state
"""

_ASK = """
insert into exceptions (id, tenant, change_id, track, belongs_to, step, system, failure_class,
                        code, subject, fingerprint, owner, message, due_at)
select %(id)s, tenant, %(asks)s, %(track)s, %(asks)s, 'reach the vendor', %(system)s, %(class)s,
  %(code)s, connection, %(fingerprint)s, %(owner)s, %(message)s, now()
from breakers where tenant = %(tenant)s and connection = %(connection)s and state = 'open'
on conflict do nothing
"""

_SHOW = """
select b.tenant, b.connection, b.state, b.since, b.probe_at, b.reason, b.limit_seen, b.answer_ms,
  coalesce(away.id, changed.id) as exception_id,
  (select count(*) from drifts d where d.tenant = b.tenant and d.connection = b.connection
   and d.waits) as drifts
from breakers b
left join exceptions away on away.tenant = b.tenant and away.state = 'open'
  and away.change_id = 'connection/' || b.tenant || '/' || b.connection
left join exceptions changed on changed.tenant = b.tenant and changed.state = 'open'
  and changed.change_id = 'contract/' || b.tenant || '/' || b.connection
where b.tenant = coalesce(%s, b.tenant) order by b.tenant, b.connection
"""


async def away(conn: Connection) -> dict[tuple[str, str], Away]:
    """By tenant and connection."""
    found = await conn.execute(
        "select tenant, connection, extract(epoch from now() - since)::float, "
        "extract(epoch from probe_at - now())::float, coalesce(reason, '') "
        "from breakers where state = 'open'"
    )
    return {
        (tenant, connection): Away(for_=since, probe_in=probe or 0.0, reason=reason)
        for tenant, connection, since, probe, reason in await found.fetchall()
    }


async def opened(
    conn: Connection, tenant: str, connection: str, *, reason: str, probe_in: float
) -> None:
    """Found to be away; also that it still is, so that the next look is put off."""
    given = {"tenant": tenant, "connection": connection, "reason": reason, "probe_in": probe_in}
    await conn.execute(_OPEN, given)


async def claim_probe(conn: Connection, tenant: str, connection: str, *, within: float) -> bool:
    """Whether this worker is the one that asks; it has so many seconds, then another does."""
    claimed = await conn.execute(
        "update breakers set probe_at = now() + %s * interval '1 second', updated_at = now() "
        "where tenant = %s and connection = %s and state = 'open' and probe_at <= now()",
        (within, tenant, connection),
    )
    return claimed.rowcount > 0


async def closed(conn: Connection, tenant: str, connection: str) -> bool:
    """It is back, and its question closes. Whether it was away until now."""
    done = await conn.execute(
        "update breakers set state = 'closed', since = now(), probe_at = null, reason = null, "
        "updated_at = now() where tenant = %s and connection = %s and state = 'open'",
        (tenant, connection),
    )
    if done.rowcount:
        await _close_question(conn, tenant, connection, "it is back")
    return done.rowcount > 0


async def forget_others(conn: Connection, known: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """What is said of connections that are in the settings no more, which nobody asks whether they
    are back; as tenant/connection."""
    gone = await conn.execute(
        "delete from breakers where (tenant, connection) not in "
        "(select * from unnest(%s::text[], %s::text[])) returning tenant, connection",
        ([tenant for tenant, _ in known], [connection for _, connection in known]),
    )
    found = await gone.fetchall()
    for tenant, connection in found:
        await _close_question(conn, tenant, connection, "it is in the settings no more")
    return tuple(f"{tenant}/{connection}" for tenant, connection in found)


async def _close_question(conn: Connection, tenant: str, connection: str, note: str) -> None:
    await conn.execute(
        "update exceptions set state = 'resolved', resolution = 'cancelled', "
        "resolved_by = 'trueup', note = %s, resolved_at = now() "
        "where tenant = %s and change_id = %s and state = 'open'",
        (note, tenant, asking(tenant, connection)),
    )


async def seen(
    conn: Connection, tenant: str, connection: str, limit: int, *, seconds: float = 0
) -> None:
    """It takes so many calls at once, and so long for an answer; 0 before the first."""
    await conn.execute(
        "insert into breakers (tenant, connection, limit_seen, answer_ms) values (%s, %s, %s, "
        "nullif(%s, 0)) on conflict (tenant, connection) do update set "
        "limit_seen = excluded.limit_seen, "
        "answer_ms = coalesce(excluded.answer_ms, breakers.answer_ms), updated_at = now()",
        (tenant, connection, limit, round(seconds * 1000)),
    )


async def ask(conn: Connection, tenant: str, connection: str, *, message: str) -> str | None:
    """The id of the connection's question, where there was none and it is still away."""
    made = f"exc_{secrets.token_hex(8)}"
    asked = await conn.execute(
        _ASK,
        {
            "id": made,
            "tenant": tenant,
            "connection": connection,
            "asks": asking(tenant, connection),
            "track": Track.PROCESS.value,
            "system": connection,
            "class": FailureClass.TRANSIENT.value,
            "code": VENDOR_AWAY,
            "fingerprint": fingerprint(tenant, VENDOR_AWAY, connection),
            "owner": Team.OPERATIONS.value,
            "message": message,
        },
    )
    return made if asked.rowcount else None


async def of_tenant(
    conn: Connection, tenant: str, *, after: str = "", limit: int | None = None
) -> tuple[ConnectionView, ...]:
    """By name; `after` is the last one seen."""
    of = (
        f"select * from ({_SHOW}) shown "  # noqa: S608 - put together from constants
        "where connection > %s order by connection limit %s"
    )
    return await fetch(conn, ConnectionView, of, (tenant, after, limit))


async def all_of(conn: Connection) -> tuple[ConnectionView, ...]:
    """Those of all tenants."""
    return await fetch(conn, ConnectionView, _SHOW, (None,))


def asking(tenant: str, connection: str) -> str:
    """What asks: stands in the exception where else a change or a process does."""
    return f"connection/{tenant}/{connection}"
