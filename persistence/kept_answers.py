"""What was answered under an Idempotency-Key, for who sends the same again within a day."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import TypeAdapter

from canonical_models.base import Canonical
from persistence.connection import Connection
from persistence.rows import fetch_one, select

#: How long a key names what was asked under it.
KEPT = timedelta(hours=24)

_HEADERS = TypeAdapter(dict[str, str])
_EXPIRED = (
    "delete from kept_answers where tenant = %(tenant)s and key_id = %(key)s and name = %(name)s "
    "and expires_at < now()"
)
_BEGIN = """
insert into kept_answers (tenant, key_id, name, asked, expires_at)
values (%(tenant)s, %(key)s, %(name)s, %(asked)s, now() + %(kept)s) on conflict do nothing
"""
_ONE = " where tenant = %(tenant)s and key_id = %(key)s and name = %(name)s"


class KeptAnswer(Canonical):
    """`status` is None while it is being carried out, and for good where that was cut off."""

    asked: str
    status: int | None
    headers: dict[str, str] | None
    body: str | None


async def begin(
    conn: Connection, tenant: str, key_id: str, name: str, asked: str
) -> KeptAnswer | None:
    """None where it is the caller's to carry it out; else what was begun before under the name."""
    values = {"tenant": tenant, "key": key_id, "name": name, "asked": asked, "kept": KEPT}
    await conn.execute(_EXPIRED, values)
    made = await conn.execute(_BEGIN, values)
    if made.rowcount:
        return None
    return await fetch_one(conn, KeptAnswer, select(KeptAnswer, "kept_answers") + _ONE, values)


async def keep(
    conn: Connection,
    tenant: str,
    key_id: str,
    name: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: str,
) -> None:
    await conn.execute(
        "update kept_answers set status = %s, headers = %s::jsonb, body = %s "
        "where tenant = %s and key_id = %s and name = %s",
        (status, _HEADERS.dump_json(dict(headers)).decode(), body, tenant, key_id, name),
    )


async def forget(conn: Connection, tenant: str, key_id: str, name: str) -> None:
    """Nothing was done: the same may be asked again."""
    await conn.execute(
        "delete from kept_answers where tenant = %s and key_id = %s and name = %s",
        (tenant, key_id, name),
    )


async def drop_expired(conn: Connection) -> int:
    """Of all tenants; how many."""
    dropped = await conn.execute("delete from kept_answers where expires_at < now()")
    return dropped.rowcount
