"""Recordings of what vendors answer: who wants one, until when, and what workers have kept."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from persistence.connection import Connection

#: Bytes of one recording, of all workers; what comes then is left out.
MOST_BYTES = 32 * 1024 * 1024
#: What nobody has taken with them for so long is dropped.
_KEPT_HOURS = 24


@dataclass(frozen=True)
class Wanted:
    """A connection that is recorded now."""

    id: str
    tenant: str
    connection: str
    salt: str


async def begin(
    conn: Connection, tenant: str, connection: str, *, seconds: float, by: str
) -> str | None:
    """Its id; None where the connection is being recorded already."""
    made = f"rec_{secrets.token_hex(6)}"
    done = await conn.execute(
        "insert into recordings (id, tenant, connection, salt, begun_by, until) "
        "select %(id)s, %(tenant)s, %(connection)s, %(salt)s, %(by)s, "
        "now() + %(seconds)s * interval '1 second' where not exists (select from recordings "
        "where tenant = %(tenant)s and connection = %(connection)s and until > now())",
        {
            "id": made,
            "tenant": tenant,
            "connection": connection,
            "salt": secrets.token_hex(32),
            "by": by,
            "seconds": seconds,
        },
    )
    return made if done.rowcount else None


async def wanted(conn: Connection) -> tuple[Wanted, ...]:
    found = await conn.execute(
        "select id, tenant, connection, salt from recordings where until > now()"
    )
    return tuple(Wanted(*row) for row in await found.fetchall())


async def keep(conn: Connection, recording: str, entries: Sequence[bytes]) -> int:
    """How many of them were left out, because there is no room, or nobody records any more."""
    left_out = 0
    for entry in entries:
        kept = await conn.execute(
            "insert into recorded (recording, entry, bytes) select id, %s::jsonb, %s "
            "from recordings where id = %s and (select coalesce(sum(bytes), 0) from recorded "
            "where recording = %s) + %s <= %s",
            (entry.decode(), len(entry), recording, recording, len(entry), MOST_BYTES),
        )
        left_out += not kept.rowcount
    return left_out


async def count(conn: Connection, recording: str) -> tuple[int, int]:
    """Calls, and their bytes."""
    found = await conn.execute(
        "select count(*), coalesce(sum(bytes), 0)::bigint from recorded where recording = %s",
        (recording,),
    )
    row = await found.fetchone()
    return (row[0], row[1]) if row else (0, 0)


async def end(conn: Connection, recording: str) -> None:
    """Nothing is kept from now on; what workers have not told yet still comes."""
    await conn.execute(
        "update recordings set until = least(until, now()) where id = %s", (recording,)
    )


async def take(conn: Connection, recording: str) -> tuple[dict[str, object], ...]:
    """All of it, in the order in which it was told; it is dropped here."""
    found = await conn.execute(
        "select entry from recorded where recording = %s order by seq", (recording,)
    )
    entries = tuple(row[0] for row in await found.fetchall())
    await conn.execute("delete from recordings where id = %s", (recording,))
    return entries


async def drop_old(conn: Connection) -> None:
    await conn.execute(
        "delete from recordings where until < now() - %s * interval '1 hour'", (_KEPT_HOURS,)
    )
