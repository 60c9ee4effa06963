"""API keys: make, list, rotate and revoke; what a key may be allowed to do."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from canonical_models import acts
from canonical_models.base import Canonical
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.paging import Page, cursor, cut, moment, words
from persistence import key_usage, keys
from persistence.connection import Connection
from persistence.key_usage import KeyUsage
from persistence.keys import ApiKey

ADMIN = acts.ADMIN

#: Every scope a key may have, with what it allows.
SCOPES = {scope: acts.words_of(scope) for scope in acts.SCOPES}

#: How long a key that was rotated goes on to open, so that nothing stops in between.
GRACE = timedelta(hours=24)


class KeyMade(Canonical):
    """`key` is shown this once; nobody can read it again."""

    key: str
    key_id: str
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None


class KeyRotated(KeyMade):
    """The new key, and until when the one before it opens."""

    replaces: str
    until: datetime


class KeyRevoked(Canonical):
    key_id: str
    revoked_at: datetime


async def create(
    context: AppContext,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    *,
    lasts: timedelta | None = None,
) -> KeyMade:
    """Of a program. Raises Invalid for a scope that does not exist."""
    if unknown := sorted(set(scopes) - SCOPES.keys()):
        raise Invalid(f"there is no scope {', '.join(unknown)}", remedy=f"use {', '.join(SCOPES)}")
    async with context.database.transaction() as conn:
        return await made(conn, tenant, name, scopes, lasts=lasts)


async def made(
    conn: Connection,
    tenant: str,
    name: str,
    scopes: tuple[str, ...] = (ADMIN,),
    *,
    person_id: str | None = None,
    lasts: timedelta | None = None,
) -> KeyMade:
    """Of a person, unless told otherwise: it may what they may."""
    expires_at = None if lasts is None else datetime.now(UTC) + lasts
    raw = await keys.create(conn, tenant, name, scopes, person_id=person_id, expires_at=expires_at)
    return KeyMade(key=raw, key_id=keys.id_of(raw), name=name, scopes=scopes, expires_at=expires_at)


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Page[ApiKey]:
    """The oldest first, revoked ones included. Raises Invalid for a cursor that is none."""
    async with context.database.statement() as conn:
        found = await keys.page(conn, tenant, after=moment(after), limit=limit + 1)
    items, more = cut(found, limit)
    last = items[-1] if more else None
    following = cursor(last.created_at.isoformat(), last.key_id) if last else None
    return Page[ApiKey](items=items, next=following)


async def usage(
    context: AppContext,
    tenant: str,
    *,
    operation: str | None = None,
    one_of: Collection[str] | None = None,
    key_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[KeyUsage]:
    """Which key uses which operation of the API, and when last: read before one ends. `operation`
    may be a part of it; `one_of` are whole ones. Raises Invalid for a cursor that is none."""
    place = words(after, 2)
    async with context.database.statement() as conn:
        found = await key_usage.page(
            conn,
            tenant,
            operation=operation,
            one_of=one_of,
            key_id=key_id,
            after=(place[0], place[1]) if place else None,
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].operation, items[-1].key_id) if more else None
    return Page[KeyUsage](items=items, next=following)


async def rotate(
    context: AppContext, tenant: str, key_id: str, *, grace: timedelta = GRACE
) -> KeyRotated:
    """A new key for the same holder, that may the same and lasts as long as that one was made to;
    that one opens for the grace still. Raises NotFound, Conflict for one that opens nothing."""
    async with context.database.transaction() as conn:
        known = await keys.named(conn, tenant, key_id)
        if known is None:
            raise _unknown(key_id)
        now = datetime.now(UTC)
        until = await keys.end_at(conn, tenant, key_id, now + grace)
        if until is None:
            raise Conflict(
                f"{known.key_id} opens nothing any more",
                remedy="make another",
                see=("new_key", ""),
            )
        lasts = None if known.expires_at is None else known.expires_at - known.created_at
        new = await made(
            conn, tenant, known.name, known.scopes, person_id=known.person_id, lasts=lasts
        )
    return KeyRotated(**new.model_dump(), replaces=known.key_id, until=until)


async def revoke(context: AppContext, tenant: str, key_id: str) -> KeyRevoked:
    """From now on the key opens nothing. Raises NotFound."""
    async with context.database.transaction() as conn:
        revoked_at = await keys.revoke(conn, tenant, key_id)
        known = await keys.named(conn, tenant, key_id)
    if revoked_at is None or known is None:
        raise _unknown(key_id)
    return KeyRevoked(key_id=known.key_id, revoked_at=revoked_at)


def _unknown(key_id: str) -> NotFound:
    return NotFound(
        f"no API key is called {key_id}", remedy="list those there are", see=("keys", "")
    )
