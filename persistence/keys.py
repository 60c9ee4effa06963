"""API keys: 256 random bits, of which only the SHA-256 is stored.

A fast hash is right here: nobody can guess 256 random bits, however fast the guesses are.
"""

import hashlib
import secrets
from datetime import datetime

from pydantic import AwareDatetime
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from canonical_models.base import Canonical
from persistence.tables import ApiKeyRow

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


def new_key() -> str:
    """A key that nobody has yet: `tu_` and 43 characters of base64url."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


async def create(session: AsyncSession, tenant: str, name: str, scopes: tuple[str, ...]) -> str:
    """The new key, shown this once."""
    raw = new_key()
    await adopt(session, raw, tenant=tenant, name=name, scopes=scopes)
    return raw


async def adopt(
    session: AsyncSession, raw: str, *, tenant: str, name: str, scopes: tuple[str, ...]
) -> None:
    """Make a key that was chosen elsewhere valid; nothing happens when it is already known."""
    await session.exec(
        insert(ApiKeyRow)
        .values(key_hash=_hash(raw), tenant=tenant, name=name, scopes=[*scopes])
        .on_conflict_do_nothing()
    )


async def find(session: AsyncSession, raw: str) -> ApiKey | None:
    """The key if it is known and not revoked."""
    if not raw.startswith(PREFIX):
        return None
    row = await session.get(ApiKeyRow, _hash(raw))
    return None if row is None or row.revoked_at is not None else _view(row)


async def listed(session: AsyncSession, tenant: str) -> tuple[ApiKey, ...]:
    """The tenant's keys, revoked ones included, oldest first."""
    rows = await session.exec(
        select(ApiKeyRow)
        .where(ApiKeyRow.tenant == tenant)
        .order_by(col(ApiKeyRow.created_at), col(ApiKeyRow.key_hash))
    )
    return tuple(map(_view, rows))


async def revoke(session: AsyncSession, tenant: str, key_id: str) -> datetime | None:
    """When the key was revoked, which may have been before; None for an unknown key."""
    for row in (await session.exec(select(ApiKeyRow).where(ApiKeyRow.tenant == tenant))).all():
        if _key_id(row.key_hash) == key_id:
            revoked = await session.exec(
                update(ApiKeyRow)
                .where(col(ApiKeyRow.key_hash) == row.key_hash)
                .values(revoked_at=func.coalesce(ApiKeyRow.revoked_at, func.now()))
                .returning(col(ApiKeyRow.revoked_at))
            )
            found: datetime | None = revoked.scalar_one()
            return found
    return None


def _hash(raw: str) -> bytes:
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).digest()


def _key_id(digest: bytes) -> str:
    return digest.hex()[:16]


def _view(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        key_id=_key_id(row.key_hash),
        tenant=row.tenant,
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
