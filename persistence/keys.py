"""API keys: 256 random bits, of which only the SHA-256 is stored.

A fast hash is right here: nobody can guess 256 random bits, however fast the guesses are.
"""

import hashlib
import secrets
from datetime import datetime

from pydantic import AwareDatetime

from canonical_models.base import Canonical
from persistence.connection import Connection
from persistence.rows import fetch, fetch_one, select

PREFIX = "tu_"
_BYTES = 32


class ApiKey(Canonical):
    """Who a key belongs to and what it may do; the key itself is nowhere."""

    #: The start of the hash, in hex: enough to name a key, useless to forge one.
    key_id: str
    tenant: str
    name: str
    scopes: tuple[str, ...]
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


_SELECT = select(ApiKey, "api_keys", key_id="left(encode(key_hash, 'hex'), 16)")


def new_key() -> str:
    """A key that nobody has yet: `tu_` and 43 characters of base64url."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


async def create(conn: Connection, tenant: str, name: str, scopes: tuple[str, ...]) -> str:
    """The new key, shown this once."""
    key = new_key()
    await adopt(conn, key, tenant=tenant, name=name, scopes=scopes)
    return key


async def adopt(
    conn: Connection, key: str, *, tenant: str, name: str, scopes: tuple[str, ...]
) -> None:
    """Make a key that was chosen elsewhere valid; nothing happens when it is already known."""
    await conn.execute(
        "insert into api_keys (key_hash, tenant, name, scopes) values (%s, %s, %s, %s) "
        "on conflict do nothing",
        (_hash(key), tenant, name, list(scopes)),
    )


async def find(conn: Connection, key: str) -> ApiKey | None:
    """The key if it is known and not revoked."""
    if not key.startswith(PREFIX):
        return None
    known = " where key_hash = %s and revoked_at is null"
    return await fetch_one(conn, ApiKey, _SELECT + known, (_hash(key),))


async def listed(conn: Connection, tenant: str) -> tuple[ApiKey, ...]:
    """The tenant's keys, revoked ones included, oldest first."""
    of_tenant = " where tenant = %s order by created_at, key_hash"
    return await fetch(conn, ApiKey, _SELECT + of_tenant, (tenant,))


async def revoke(conn: Connection, tenant: str, key_id: str) -> datetime | None:
    """When the key was revoked, which may have been before; None for an unknown key."""
    revoked = await conn.execute(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) "
        "where tenant = %s and left(encode(key_hash, 'hex'), 16) = %s returning revoked_at",
        (tenant, key_id),
    )
    row = await revoked.fetchone()
    return row[0] if row else None


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
