"""The demonstration tenant's API key."""

from pathlib import Path

from persistence import keys
from persistence.database import Database
from sandbox.embedded.facts import TENANT
from sandbox.embedded.files import secret

_SCOPES = ("admin",)


def demo_key(state: Path) -> str:
    """The key in `<state>/secrets`; made at the first start."""
    return secret(state / "secrets" / "api-key", keys.new_key)


async def admit(dsn: str, raw: str) -> None:
    """Make the key valid for everything the demonstration tenant may do."""
    database = Database(dsn, pool_size=2)
    try:
        async with database.transaction() as conn:
            await keys.adopt(conn, raw, tenant=TENANT, name="demo", scopes=_SCOPES)
    finally:
        await database.close()
