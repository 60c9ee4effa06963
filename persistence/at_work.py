"""Processes of ours that are at work: each says so every few seconds, so that one that has stopped
answering is told from one that is there."""

from typing import Literal

from canonical_models.base import Canonical, Instant
from persistence.connection import Connection
from persistence.rows import fetch

#: Seconds between two words of a process.
EVERY = 5.0

Part = Literal["worker", "api", "console"]


class AtWork(Canonical):
    """`quiet` is how many seconds ago it was last heard of."""

    name: str
    part: str
    build: str | None
    since: Instant
    seen_at: Instant
    quiet: float


async def say(
    conn: Connection, part: Part, name: str, build: str | None, *, begins: bool = False
) -> None:
    """It is at work; with `begins` since now. What was not heard of for a day is forgotten."""
    await conn.execute(
        "insert into at_work (name, part, build) values (%(name)s, %(part)s, %(build)s) "
        "on conflict (name) do update set part = excluded.part, build = excluded.build, "
        "seen_at = now(), since = case when %(begins)s then now() else at_work.since end",
        {"name": name, "part": part, "build": build, "begins": begins},
    )
    if begins:
        await conn.execute("delete from at_work where seen_at < now() - interval '1 day'")


async def leave(conn: Connection, name: str) -> None:
    """It ends as it should."""
    await conn.execute("delete from at_work where name = %s", (name,))


async def everyone(conn: Connection) -> tuple[AtWork, ...]:
    """The last to have been heard of first."""
    return await fetch(
        conn,
        AtWork,
        "select name, part, build, since, seen_at, "
        "extract(epoch from now() - seen_at)::float as quiet from at_work "
        "order by seen_at desc, name",
        (),
    )
