"""What would hold, or holds for one case alone: written, read through, and taken back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from canonical_models.preview import Overlay
from persistence import documents, mappings
from persistence.connection import Connection


@asynccontextmanager
async def overlaid(conn: Connection, tenant: str, overlay: Overlay) -> AsyncIterator[None]:
    """In the block it holds, exactly as if it had been decided; nothing that is written in the
    block stays."""
    async with conn.transaction():
        for account in overlay.accounts:
            await mappings.put(conn, tenant, account, by="what-if")
        for item in overlay.items:
            await mappings.put(conn, tenant, item, by="what-if")
        for correction in overlay.documents:
            await documents.correct(conn, tenant, correction)
        yield
        raise psycopg.Rollback
