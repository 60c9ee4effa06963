"""API keys: 256 random bits, of which only the SHA-256 is stored.

A fast hash is right here: nobody can guess 256 random bits, however fast the guesses are.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime

from canonical_models.acts import Role
from canonical_models.base import Canonical
from persistence.connection import Connection
from persistence.rows import all_of, fetch, fetch_one, select

PREFIX = "tu_"
_BYTES = 32
#: How exactly the last use is known, so that it costs one write a minute at most.
_USED_WITHIN = timedelta(minutes=1)


class ApiKey(Canonical):
    """Who a key belongs to and what it may do; the key itself is nowhere."""

    #: `tk_` and the start of the hash, in hex: enough to name a key, useless to forge one.
    key_id: str
    tenant: str
    #: Who is recorded with what it does: the person whose key it is, else the program's name.
    name: str
    scopes: tuple[str, ...]
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = None
    #: Of a personal key: whose it is, and what they are to the tenant now.
    person_id: str | None = None
    roles: tuple[Role, ...] = ()


#: What a key is called, by its row.
KEY_ID = "'tk_' || left(encode(key_hash, 'hex'), 16)"
_SELECT = select(
    ApiKey,
    "api_keys",
    key_id=KEY_ID,
    name="coalesce((select p.name from people p where p.id = person_id), api_keys.name)",
    roles="array(select m.role from memberships m where m.person_id = api_keys.person_id "
    "and m.tenant = api_keys.tenant order by m.role)",
)
_VALID = "revoked_at is null and (expires_at is null or expires_at > now())"


_REVOKE = f"""
update api_keys set revoked_at = coalesce(revoked_at, now())
where tenant = %s and {KEY_ID} = %s returning revoked_at
""".encode()  # noqa: S608 - put together from constants
_END = f"""
update api_keys set expires_at = least(expires_at, %s)
where tenant = %s and {KEY_ID} = %s and {_VALID} returning expires_at
""".encode()  # noqa: S608 - put together from constants


def new_key() -> str:
    """A key that nobody has yet: `tu_` and 43 characters of base64url."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


async def create(
    conn: Connection,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    *,
    person_id: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """The new key, shown this once."""
    key = new_key()
    await adopt(
        conn,
        key,
        tenant=tenant,
        name=name,
        scopes=scopes,
        person_id=person_id,
        expires_at=expires_at,
    )
    return key


async def adopt(
    conn: Connection,
    key: str,
    *,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    person_id: str | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Make a key that was chosen elsewhere valid; nothing happens when it is already known."""
    await conn.execute(
        "insert into api_keys (key_hash, tenant, name, scopes, person_id, expires_at) "
        "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        (_hash(key), tenant, name, list(scopes), person_id, expires_at),
    )


def id_of(key: str) -> str:
    """What a key is called in lists and logs."""
    return f"tk_{_hash(key).hex()[:16]}"


async def find(conn: Connection, key: str) -> ApiKey | None:
    """The key if it opens anything: it is known, neither revoked nor expired, and whose it is
    belongs to the tenant. That it was used is kept."""
    if not key.startswith(PREFIX):
        return None
    known = f" where key_hash = %s and {_VALID}"
    found = await fetch_one(conn, ApiKey, _SELECT + known, (_hash(key),))
    if found is None or (found.person_id is not None and not found.roles):
        return None
    if found.last_used_at is None or datetime.now(UTC) - found.last_used_at > _USED_WITHIN:
        await conn.execute(
            "update api_keys set last_used_at = now() where key_hash = %s "
            "and (last_used_at is null or last_used_at < now() - %s)",
            (_hash(key), _USED_WITHIN),
        )
    return found


async def named(conn: Connection, tenant: str, key_id: str) -> ApiKey | None:
    """By its id, with `tk_` or without, and whatever has become of it."""
    of_tenant = f" where tenant = %s and {KEY_ID} = %s"
    return await fetch_one(conn, ApiKey, _SELECT + of_tenant, (tenant, _whole(key_id)))


async def page(
    conn: Connection, tenant: str, *, after: tuple[datetime, str] | None = None, limit: int = 50
) -> tuple[ApiKey, ...]:
    """The tenant's keys, revoked ones included, oldest first; `after` is the last one seen."""
    which = all_of({f"(created_at, {KEY_ID}) > (%(at)s, %(key)s)": after})
    at, key = after or (None, None)
    return await fetch(
        conn,
        ApiKey,
        f"{_SELECT} where tenant = %(tenant)s and {which} "
        f"order by created_at, {KEY_ID} limit %(limit)s",
        {"tenant": tenant, "at": at, "key": key, "limit": limit},
    )


async def revoke(conn: Connection, tenant: str, key_id: str) -> datetime | None:
    """When the key was revoked, which may have been before; None for an unknown key."""
    revoked = await conn.execute(_REVOKE, (tenant, _whole(key_id)))
    row = await revoked.fetchone()
    return row[0] if row else None


async def revoke_all_of(conn: Connection, tenant: str, person_id: str) -> None:
    """Every personal key of somebody in the tenant."""
    await conn.execute(
        "update api_keys set revoked_at = now() "
        "where tenant = %s and person_id = %s and revoked_at is null",
        (tenant, person_id),
    )


async def end_at(conn: Connection, tenant: str, key_id: str, at: datetime) -> datetime | None:
    """It expires then, or before where it did so already; None for a key that opens nothing."""
    ended = await conn.execute(_END, (at, tenant, _whole(key_id)))
    row = await ended.fetchone()
    return row[0] if row else None


def _whole(key_id: str) -> str:
    return key_id if key_id.startswith("tk_") else f"tk_{key_id}"


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
