"""Where people are signed in: 256 random bits that the browser holds, here as their SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import Field

from canonical_models.acts import Role
from canonical_models.base import Canonical, Instant
from persistence.connection import Connection
from persistence.rows import fetch

#: What has ended is kept for so long: from there somebody has signed in before.
_KEPT = timedelta(days=90)

#: In one statement, since every page begins with it.
_HOLDER = """
select p.id, p.name, s.seen_at < now() - interval '1 minute',
  extract(epoch from s.seen_at + %(idle)s - now())::float8,
  extract(epoch from s.ends_at - now())::float8,
  t.zone, t.theme, coalesce(t.keys, true), coalesce(t.page_size, 50),
  coalesce((select jsonb_object_agg(tenant, held) from (select tenant, jsonb_agg(role) as held
    from memberships where person_id = p.id group by tenant) of_each), '{}')
from sessions s join people p on p.id = s.person_id
  left join person_settings t on t.person_id = p.id
where s.token_hash = %(token)s and s.ended_at is null and s.ends_at > now()
  and s.seen_at > now() - %(idle)s
"""


async def begin(conn: Connection, person_id: str, address: str, *, lasts: timedelta) -> str:
    """The new session's token, told this once."""
    await conn.execute(
        "delete from sessions where person_id = %s and ends_at < now() - %s", (person_id, _KEPT)
    )
    token = secrets.token_urlsafe(32)
    await conn.execute(
        "insert into sessions (token_hash, person_id, address, ends_at) "
        "values (%s, %s, %s, now() + %s)",
        (_hash(token), person_id, address, lasts),
    )
    return token


class Wishes(Canonical):
    """How somebody wants to see the console: `zone` None for each company's, `theme` None for the
    system's, single keys or none, rows of a page."""

    zone: str | None = Field(default=None, max_length=64)
    theme: Literal["light", "dark"] | None = None
    keys: bool = True
    page_size: int = Field(default=50, ge=10, le=100)


@dataclass(frozen=True)
class Holder:
    """Whose a session is, and what they are to each tenant now. It ends in `whole` seconds for
    good, and in `unused` seconds where nobody uses it."""

    person_id: str
    name: str
    roles: dict[str, frozenset[Role]]
    wishes: Wishes
    unused: float
    whole: float


class SessionView(Canonical):
    """Where somebody is signed in; `session_id` opens nothing. `seen_at` is exact to a minute."""

    session_id: str
    address: str
    began_at: Instant
    seen_at: Instant
    ends_at: Instant
    this: bool


async def holder_of(
    conn: Connection, token: str, *, idle: timedelta, used: bool = True
) -> Holder | None:
    """Who is signed in with it; None where it is over, or was not used for so long. What a page
    asks by itself is no use of it (`used`)."""
    found = await conn.execute(_HOLDER, {"token": _hash(token), "idle": idle})
    row = await found.fetchone()
    if row is None:
        return None
    person_id, name, stale, unused, whole, zone, theme, keys, page_size, roles = row
    if stale and used:
        unused = idle.total_seconds()
        await conn.execute(
            "update sessions set seen_at = now() where token_hash = %s", (_hash(token),)
        )
    held = {tenant: frozenset(map(Role, named)) for tenant, named in roles.items()}
    wishes = Wishes(zone=zone, theme=theme, keys=keys, page_size=page_size)
    return Holder(str(person_id), str(name), held, wishes, unused, whole)


async def end(conn: Connection, token: str) -> None:
    await conn.execute(
        "update sessions set ended_at = now() where token_hash = %s and ended_at is null",
        (_hash(token),),
    )


async def of_person(
    conn: Connection, person_id: str, token: str, *, idle: timedelta
) -> tuple[SessionView, ...]:
    """Those that are open, the one of the token first, then those that were used last."""
    query = (
        "select substr(encode(token_hash, 'hex'), 1, 16) as session_id, address, began_at, "
        "seen_at, ends_at, token_hash = %(token)s as this from sessions "
        "where person_id = %(person)s and ended_at is null and ends_at > now() "
        "and seen_at > now() - %(idle)s order by this desc, seen_at desc limit 50"
    )
    given = {"person": person_id, "token": _hash(token), "idle": idle}
    return await fetch(conn, SessionView, query, given)


async def end_one_of(conn: Connection, person_id: str, session_id: str) -> bool:
    """Whether it was open, and theirs."""
    done = await conn.execute(
        "update sessions set ended_at = now() where person_id = %s and ended_at is null "
        "and substr(encode(token_hash, 'hex'), 1, 16) = %s",
        (person_id, session_id),
    )
    return done.rowcount > 0


async def wish(conn: Connection, person_id: str, wishes: Wishes) -> None:
    """From the next page on."""
    await conn.execute(
        "insert into person_settings (person_id, zone, theme, keys, page_size) "
        "values (%(person)s, %(zone)s, %(theme)s, %(keys)s, %(page_size)s) "
        "on conflict (person_id) do update set zone = excluded.zone, theme = excluded.theme, "
        "keys = excluded.keys, page_size = excluded.page_size, set_at = now()",
        {"person": person_id, **wishes.model_dump()},
    )


async def end_all_of(conn: Connection, person_id: str) -> None:
    await conn.execute(
        "update sessions set ended_at = now() where person_id = %s and ended_at is null",
        (person_id,),
    )


async def known_from(conn: Connection, name: str, address: str) -> bool:
    """Whether somebody of that name has signed in from there before."""
    found = await conn.execute(
        "select 1 from sessions s join people p on p.id = s.person_id "
        "where p.name = %s and s.address = %s limit 1",
        (name, address),
    )
    return await found.fetchone() is not None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
