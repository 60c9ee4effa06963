"""Answers of vendors that do not fit their contract: what workers share, and the one question that
a connection asks about them."""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from canonical_models.base import Canonical, Instant
from canonical_models.exceptions import CONTRACT_CHANGED, Track
from canonical_models.failures import FailureClass, Team
from persistence.connection import Connection
from persistence.exceptions import fingerprint
from persistence.rows import fetch

#: So many rows are kept of a connection: of a change that meets everyone more say nothing new.
MOST_KEPT = 200
#: Nobody has asked again for so long: the work that met it was cancelled, or will never come back.
FORGOTTEN_AFTER_HOURS = 26
#: A word that nobody knows, and that nothing waits for, was not met for so long.
WORD_AFTER_HOURS = 7 * 24


class DriftView(Canonical):
    """What of a vendor's answers does not fit, by where it is: `operation` was asked of it, `path`
    is the place in the answer, `change` what is otherwise. `objects` are those whose calls have met
    it and wait for an answer that fits, `times` how often they have. Where `waits` is false it is a
    word that is not known here and that nothing depends on: no call waits."""

    tenant: str
    connection: str
    operation: str
    path: str
    change: str
    message: str
    waits: bool
    objects: int
    times: int
    since: Instant
    seen_at: Instant


@dataclass(frozen=True)
class Standing:
    """One row: a call of a port for one object, how long ago it was met last, in seconds, and
    whether it waits."""

    tenant: str
    connection: str
    call: str
    about: str
    seen: float
    waits: bool = True


@dataclass(frozen=True)
class Meeting:
    call: str
    about: str
    operation: str
    path: str
    change: str
    message: str
    times: int
    waits: bool = True


_MET = """
insert into drifts (tenant, connection, call, about, operation, path, change, message, times,
                    waits)
select %(tenant)s, %(connection)s, %(call)s, %(about)s, %(operation)s, %(path)s, %(change)s,
  %(message)s, %(times)s, %(waits)s
where (select count(*) from drifts where tenant = %(tenant)s and connection = %(connection)s
       and waits = %(waits)s and (call, about) <> (%(call)s, %(about)s)) < %(most)s
on conflict (tenant, connection, call, about) do update set operation = excluded.operation,
  path = excluded.path, change = excluded.change, message = excluded.message,
  times = drifts.times + excluded.times, seen_at = now()
"""

_SHOW = """
select tenant, connection, operation, path, change, min(message) as message, waits,
  count(*) filter (where waits) as objects, sum(times) as times, min(since) as since,
  max(seen_at) as seen_at
from drifts where tenant = coalesce(%s, tenant)
group by tenant, connection, operation, path, change, waits
order by tenant, connection, waits desc, min(since), operation, path
"""

#: What was met once may have been a proxy's page: people are asked where it is met again, or stays
#: unanswered for a minute. What is said is renewed as long as it is asked.
_ASK = """
insert into exceptions (id, tenant, change_id, track, belongs_to, step, system, failure_class,
                        code, subject, fingerprint, owner, message, due_at)
select %(id)s, %(tenant)s, %(asks)s, %(track)s, %(asks)s, 'read what the vendor answers',
  %(connection)s, %(class)s, %(code)s, %(connection)s, %(fingerprint)s, %(owner)s, %(message)s,
  now()
where exists (select from drifts where tenant = %(tenant)s and connection = %(connection)s
              and waits and (times > 1 or since < now() - interval '1 minute'))
on conflict (tenant, change_id, track) where state = 'open' do update
  set message = excluded.message where exceptions.message <> excluded.message
returning id, (xmax = 0) as made
"""


async def standing(conn: Connection) -> tuple[Standing, ...]:
    found = await conn.execute(
        "select tenant, connection, call, about, extract(epoch from now() - seen_at)::float, waits "
        "from drifts"
    )
    return tuple(Standing(*row) for row in await found.fetchall())


async def met(conn: Connection, tenant: str, connection: str, meetings: Iterable[Meeting]) -> None:
    for one in meetings:
        await conn.execute(
            _MET,
            {
                "tenant": tenant,
                "connection": connection,
                "call": one.call,
                "about": one.about,
                "operation": one.operation,
                "path": one.path,
                "change": one.change,
                "message": one.message,
                "times": one.times,
                "waits": one.waits,
                "most": MOST_KEPT,
            },
        )


async def fits(
    conn: Connection, tenant: str, connection: str, call: str, about: str, *, ago: float
) -> None:
    """It was answered as it should be so many seconds ago, unless somebody has met it since."""
    await conn.execute(
        "delete from drifts where tenant = %s and connection = %s and call = %s and about = %s "
        "and seen_at < now() - %s * interval '1 second'",
        (tenant, connection, call, about, ago),
    )


async def forget_old(conn: Connection) -> None:
    await conn.execute(
        "delete from drifts where seen_at < now() - interval '1 hour' * "
        "case when waits then %s else %s end",
        (FORGOTTEN_AFTER_HOURS, WORD_AFTER_HOURS),
    )


async def forget_others(conn: Connection, known: Collection[tuple[str, str]]) -> None:
    """What is said of connections that are in the settings no more."""
    await conn.execute(
        "delete from drifts where (tenant, connection) not in "
        "(select * from unnest(%s::text[], %s::text[]))",
        ([tenant for tenant, _ in known], [connection for _, connection in known]),
    )


async def of_tenant(
    conn: Connection, tenant: str, *, connection: str | None = None
) -> tuple[DriftView, ...]:
    """By connection: what waits, then words, the oldest first."""
    found = await fetch(conn, DriftView, _SHOW, (tenant,))
    return tuple(each for each in found if connection in (None, each.connection))


async def ask(
    conn: Connection, tenant: str, connection: str, *, message: str
) -> tuple[str, bool] | None:
    """The id of the connection's question and whether it is a new one; None where nothing is to be
    asked, or nothing to be said anew."""
    asked = await conn.execute(
        _ASK,
        {
            "id": f"exc_{secrets.token_hex(8)}",
            "tenant": tenant,
            "connection": connection,
            "asks": asking(tenant, connection),
            "track": Track.PROCESS.value,
            "class": FailureClass.CONTRACT_DRIFT.value,
            "code": CONTRACT_CHANGED,
            "fingerprint": fingerprint(tenant, CONTRACT_CHANGED, connection),
            "owner": Team.OPERATIONS.value,
            "message": message,
        },
    )
    row = await asked.fetchone()
    return (row[0], row[1]) if row else None


async def close_answered(conn: Connection) -> tuple[str, ...]:
    """Questions of connections of which nothing is left; as they were asked (`asking`)."""
    closed = await conn.execute(
        "update exceptions e set state = 'resolved', resolution = 'cancelled', "
        "resolved_by = 'trueup', note = 'answers fit again', resolved_at = now() "
        "where state = 'open' and code = %s and not exists (select from drifts d "
        "where d.tenant = e.tenant and d.connection = e.subject and d.waits) returning change_id",
        (CONTRACT_CHANGED,),
    )
    return tuple(row[0] for row in await closed.fetchall())


def asking(tenant: str, connection: str) -> str:
    """What asks: stands in the exception where else a change or a process does."""
    return f"contract/{tenant}/{connection}"
