"""Where people are signed in: 256 random bits that the browser holds, here as their SHA-256."""

import hashlib
import secrets
from datetime import timedelta

from persistence.connection import Connection

#: What has ended is kept for so long: from there somebody has signed in before.
_KEPT = timedelta(days=90)


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


async def person_of(conn: Connection, token: str, *, idle: timedelta) -> str | None:
    """Who is signed in with it; None where it is over, or was not used for so long."""
    found = await conn.execute(
        "select person_id, seen_at < now() - interval '1 minute' from sessions "
        "where token_hash = %s and ended_at is null and ends_at > now() and seen_at > now() - %s",
        (_hash(token), idle),
    )
    row = await found.fetchone()
    if row is None:
        return None
    person_id, stale = row
    if stale:
        await conn.execute(
            "update sessions set seen_at = now() where token_hash = %s", (_hash(token),)
        )
    return str(person_id)


async def end(conn: Connection, token: str) -> None:
    await conn.execute(
        "update sessions set ended_at = now() where token_hash = %s and ended_at is null",
        (_hash(token),),
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
