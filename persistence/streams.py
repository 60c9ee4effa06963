"""Who is told of events: receivers that people have added, and teams by mail, of the settings."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from canonical_models.base import Canonical, Instant
from canonical_models.failures import Team
from canonical_models.streams import Answer, Stream, StreamState
from persistence.connection import Connection
from persistence.rows import all_of, columns, fetch, fetch_one

_DEAD = "(select count(*) from deliveries d where d.stream = s.id and d.state = 'dead')"
_SELECT = (
    "select "  # noqa: S608 - put together from constants
    + columns(
        Stream,
        pending="(select count(*) from deliveries d where d.stream = s.id and d.state = 'pending')",
        dead=_DEAD,
    )
    + " from streams s where tenant = %(tenant)s"
)

#: Of one that is well little is written: it would be a row that each delivery changes.
_WENT_WELL = """
update streams set sent_at = now(), failures = 0, failing_since = null, error = null
where id = %s and (failures > 0 or error is not null or sent_at is null
  or sent_at < now() - interval '10 seconds')
"""

_WENT_WRONG = """
update streams set failures = failures + 1, failing_since = coalesce(failing_since, now()),
  error = %(error)s, state = case when %(gone)s then 'paused' else state end
where id = %(stream)s
"""


@dataclass(frozen=True)
class Receiver:
    """Where a stream by HTTP goes, and how it is signed; `failing` while it takes nothing."""

    stream: str
    tenant: str
    name: str
    url: str
    secrets: tuple[str, ...]
    failing: bool


class Standing(Canonical):
    """How a stream by HTTP is; `failing_since` while its receiver takes nothing."""

    tenant: str
    name: str
    state: StreamState
    dead: int
    sent_at: Instant | None
    failures: int
    failing_since: Instant | None
    error: str | None


_RECEIVER = (
    "select id, tenant, name, url, secrets, failures > 0 from streams where transport = 'http'"
)


async def add(
    conn: Connection,
    tenant: str,
    name: str,
    *,
    url: str,
    secret: str,
    types: Sequence[str],
    team: Team | None,
    by: str,
) -> bool:
    """From now on it is told. False where the name is taken."""
    added = await conn.execute(
        "insert into streams (id, tenant, name, transport, url, secrets, types, team, added_by) "
        "values (%s, %s, %s, 'http', %s, %s, %s, %s, %s) on conflict do nothing",
        (f"str_{secrets.token_hex(10)}", tenant, name, url, [secret], list(types), team, by),
    )
    return added.rowcount > 0


async def page(
    conn: Connection, tenant: str, *, after: str | None = None, limit: int = 50
) -> tuple[Stream, ...]:
    """By name; `after` is that of the last one seen."""
    which = all_of({"name > %(after)s": after})
    return await fetch(
        conn,
        Stream,
        f"{_SELECT} and {which} order by name limit %(limit)s",
        {"tenant": tenant, "after": after, "limit": limit},
    )


async def standing(conn: Connection) -> tuple[Standing, ...]:
    """Of all tenants."""
    return await fetch(
        conn,
        Standing,
        f"select {columns(Standing, dead=_DEAD)} from streams s where transport = 'http' "  # noqa: S608 - put together from constants
        "order by tenant, name",
        (),
    )


async def get(conn: Connection, tenant: str, name: str) -> Stream | None:
    one = f"{_SELECT} and name = %(name)s"
    return await fetch_one(conn, Stream, one, {"tenant": tenant, "name": name})


async def receiver(
    conn: Connection, tenant: str, name: str, *, lock: bool = False
) -> Receiver | None:
    """None where no stream by HTTP is called so; `lock` keeps it as it is for the transaction."""
    one = f"{_RECEIVER} and tenant = %s and name = %s{' for update' if lock else ''}"
    row = await (await conn.execute(one.encode(), (tenant, name))).fetchone()
    return None if row is None else _receiver(*row)


async def receivers(conn: Connection) -> tuple[Receiver, ...]:
    """All that are to be told of something now."""
    found = await conn.execute(
        f"{_RECEIVER} and state = 'active' and exists (select from deliveries d "
        "where d.stream = streams.id and d.state = 'pending' and d.due_at <= now()) "
        "order by id".encode()
    )
    return tuple(_receiver(*row) for row in await found.fetchall())


async def waiting(conn: Connection) -> bool:
    """Whether something is still to be told, by and by."""
    found = await conn.execute(
        "select from deliveries d join streams s on s.id = d.stream and s.state = 'active' "
        "where d.state = 'pending' limit 1"
    )
    return await found.fetchone() is not None


async def remove(conn: Connection, stream: str) -> int:
    """With all its deliveries; how many of them were still to come."""
    await conn.execute("delete from streams where id = %s", (stream,))
    gone = await conn.execute(
        "with gone as (delete from deliveries where stream = %s returning state) "
        "select count(*) from gone where state = 'pending'",
        (stream,),
    )
    (left,) = await gone.fetchone() or (0,)
    return int(left)


async def sign_with(conn: Connection, stream: str, names: Sequence[str]) -> None:
    await conn.execute("update streams set secrets = %s where id = %s", (list(names), stream))


async def turn(conn: Connection, stream: str, state: StreamState) -> None:
    await conn.execute("update streams set state = %s where id = %s", (state.value, stream))


async def went(conn: Connection, stream: str, answer: Answer, *, gone: bool) -> None:
    """How its receiver is; one that is `gone` is paused."""
    if answer.taken:
        await conn.execute(_WENT_WELL, (stream,))
    else:
        await conn.execute(_WENT_WRONG, {"stream": stream, "error": answer.words, "gone": gone})


def _receiver(
    stream: str, tenant: str, name: str, url: str, names: list[str], failing: bool
) -> Receiver:
    return Receiver(stream, tenant, name, url, tuple(names), failing)
