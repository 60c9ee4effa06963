"""API keys: make, list and revoke; what a key may be allowed to do."""

from datetime import datetime

from canonical_models.base import Canonical
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from persistence import keys
from persistence.keys import ApiKey

ADMIN = "admin"

#: Every scope a key may have, with what it allows.
SCOPES = {
    "changes:read": "see changes and their timelines",
    "changes:write": "cancel changes and signal their sagas",
    "exceptions:read": "see the exception queue",
    "exceptions:write": "decide exceptions",
    "inbox:read": "see received webhooks and dead letters, bodies included",
    "inbox:write": "replay webhooks",
    "batches:read": "see what is done in bulk, item by item",
    "batches:write": "pause, resume and stop what is done in bulk",
    "mappings:read": "see account and item mappings",
    "mappings:write": "set account and item mappings",
    "entitlements:read": "list and check entitlements, see grants",
    "entitlements:write": "give, end, suspend and restore grants",
    "subscriptions:read": "see subscriptions as every system agreed on them, dunning and renewals",
    "subscriptions:write": "have subscriptions looked at anew",
    "accounts:read": "see customers' accounts: documents, balance and open items",
    "accounts:write": "have accounts looked at anew",
    "invoices:read": "see invoices and credit notes in billing and the ERP, and where they differ",
    "invoices:write": "have the ERP asked anew where invoices stand",
    "invoices:decide": "hold, skip, release, link and correct invoices and credit notes",
    "events:read": "read the feed of canonical events",
    "audit:read": "read the audit trail",
    ADMIN: "all of these",
}


class KeyMade(Canonical):
    """`key` is shown this once; nobody can read it again."""

    key: str
    name: str
    scopes: tuple[str, ...]


class KeyRevoked(Canonical):
    key_id: str
    revoked_at: datetime


async def create(context: AppContext, tenant: str, name: str, scopes: tuple[str, ...]) -> KeyMade:
    """Raises Invalid for a scope that does not exist."""
    if unknown := sorted(set(scopes) - SCOPES.keys()):
        raise Invalid(f"there is no scope {', '.join(unknown)}", remedy=f"use {', '.join(SCOPES)}")
    async with context.database.transaction() as conn:
        raw = await keys.create(conn, tenant, name, scopes)
    return KeyMade(key=raw, name=name, scopes=scopes)


async def list_(context: AppContext, tenant: str) -> tuple[ApiKey, ...]:
    async with context.database.transaction() as conn:
        return await keys.listed(conn, tenant)


async def revoke(context: AppContext, tenant: str, key_id: str) -> KeyRevoked:
    """From now on the key opens nothing. Raises NotFound."""
    async with context.database.transaction() as conn:
        revoked_at = await keys.revoke(conn, tenant, key_id)
    if revoked_at is None:
        raise NotFound(f"no API key is called {key_id}", remedy="see `trueup keys list`")
    return KeyRevoked(key_id=key_id, revoked_at=revoked_at)
