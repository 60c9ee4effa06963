"""Which key has used which operation of the API, and when last."""

from collections.abc import Collection

from pydantic import AwareDatetime

from canonical_models.base import Canonical
from persistence.connection import Connection
from persistence.keys import KEY_ID
from persistence.rows import all_of, fetch

#: The last use is exact to this, so that it costs one write a minute at most.
EXACT_TO_S = 60

_NOTE = """
insert into key_usage (tenant, key_id, operation) values (%s, %s, %s)
on conflict (tenant, key_id, operation) do update set last_used_at = now()
where key_usage.last_used_at < now() - make_interval(secs => %s)
"""

_PAGE = f"""
select u.key_id, coalesce(p.name, k.name) as holder, u.operation, u.first_used_at, u.last_used_at,
  k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) as opens
from key_usage u
join api_keys k on k.tenant = u.tenant and {KEY_ID} = u.key_id
left join people p on p.id = k.person_id
"""  # noqa: S608 - put together from constants


class KeyUsage(Canonical):
    """`opens` is whether the key still does."""

    key_id: str
    holder: str
    operation: str
    first_used_at: AwareDatetime
    last_used_at: AwareDatetime
    opens: bool


async def note(conn: Connection, tenant: str, key_id: str, operation: str) -> None:
    await conn.execute(_NOTE, (tenant, key_id, operation, EXACT_TO_S))


async def page(
    conn: Connection,
    tenant: str,
    *,
    operation: str | None = None,
    one_of: Collection[str] | None = None,
    key_id: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int = 50,
) -> tuple[KeyUsage, ...]:
    """By operation and key; `after` are these of the last one seen. `operation` may be a part of
    it, such as `/v1/grants`; `one_of` are whole ones."""
    which = all_of(
        {
            "position(%(operation)s in u.operation) > 0": operation,
            "u.operation = any(%(one_of)s)": None if one_of is None else [*one_of],
            "u.key_id = %(key)s": key_id,
            "(u.operation, u.key_id) > (%(after)s, %(after_key)s)": after,
        }
    )
    found, key = after or ("", "")
    return await fetch(
        conn,
        KeyUsage,
        f"{_PAGE} where u.tenant = %(tenant)s and {which} "
        "order by u.operation, u.key_id limit %(limit)s",
        {
            "tenant": tenant,
            "operation": operation,
            "one_of": None if one_of is None else [*one_of],
            "key": key_id,
            "after": found,
            "after_key": key,
            "limit": limit,
        },
    )
