"""People of tests, with keys of their own."""

from datetime import datetime
from pathlib import Path

from canonical_models.acts import ADMIN, Role
from persistence import keys, people
from persistence.database import Database


async def joined(database: Database, tenant: str, name: str, *roles: Role) -> str:
    """The person, who may have been there before; these are their roles from now on."""
    async with database.transaction() as conn:
        await people.add(conn, name, None, by="a test")
        person = await people.named(conn, name)
        assert person is not None
        await people.set_roles(conn, tenant, person.person_id, roles, by="a test")
    return person.person_id


async def personal_key(
    database: Database,
    tenant: str,
    name: str,
    *roles: Role,
    expires_at: datetime | None = None,
) -> str:
    person_id = await joined(database, tenant, name, *roles)
    async with database.transaction() as conn:
        return await keys.create(
            conn, tenant, name, (ADMIN,), person_id=person_id, expires_at=expires_at
        )


def keep_key(folder: Path, *raw: str) -> Path:
    """Where the command line finds it, beside the settings in the folder."""
    path = folder / "secrets" / "operator-key"
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(raw) + "\n")
    return path
