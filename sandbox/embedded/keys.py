"""Keys of the demonstration tenant: of programs, and of whoever works on this machine."""

import os
import pwd
import re
from datetime import timedelta
from pathlib import Path

from canonical_models.acts import ADMIN, Role
from persistence import keys, people
from persistence.database import Database
from sandbox.embedded.facts import TENANT
from sandbox.embedded.files import secret

#: By role, who of the demonstration tenant has it.
_PEOPLE = {
    Role.FINANCE: "fay",
    Role.SUPPORT: "sam",
    Role.OPERATIONS: "olu",
    Role.VIEWER: "ada",
    Role.ADMIN: "kim",
}
_INVITED = timedelta(days=7)
_OPERATOR = Path("secrets") / "operator-key"


def demo_key(state: Path) -> str:
    """The API key in `<state>/secrets`; made at the first start."""
    return secret(state / "secrets" / "api-key", keys.new_key)


def operator_key(state: Path) -> str:
    """The personal key that the command line finds there; made at the first start."""
    return secret(state / _OPERATOR, keys.new_key)


async def admit(dsn: str, state: Path) -> None:
    """Make both valid for everything the demonstration tenant may do. The operator has an account
    from the first start on; what has become of it and its key since is left alone."""
    database, name = Database(dsn, pool_size=2), local_name()
    try:
        async with database.transaction() as conn:
            await keys.adopt(conn, demo_key(state), tenant=TENANT, name="demo", scopes=(ADMIN,))
            new = await people.add(conn, name, None, by="the installation")
            person = await people.named(conn, name)
            if person is None:
                raise AssertionError("it was added, if it was not there")
            if new:
                await people.set_roles(conn, TENANT, person.person_id, tuple(Role), by=name)
            if new or not (state / _OPERATOR).exists():
                await keys.adopt(
                    conn,
                    operator_key(state),
                    tenant=TENANT,
                    name=name,
                    scopes=(ADMIN,),
                    person_id=person.person_id,
                )
    finally:
        await database.close()


async def invited(dsn: str) -> dict[str, str]:
    """Invitations by role: one person of each has an account from the first start on. Whoever was
    removed or has other roles since is left alone."""
    database, made = Database(dsn, pool_size=2), {}
    try:
        async with database.transaction() as conn:
            for role, name in _PEOPLE.items():
                new = await people.add(conn, name, None, by="the installation")
                person = await people.named(conn, name)
                if person is None:
                    raise AssertionError("they were added, if they were not there")
                if new:
                    await people.set_roles(conn, TENANT, person.person_id, (role,), by=local_name())
                held = await people.roles_of(conn, person.person_id)
                if held == {TENANT: frozenset({role})}:
                    made[role.value] = await people.invite(
                        conn, TENANT, person.person_id, holds=_INVITED
                    )
    finally:
        await database.close()
    return made


def local_name() -> str:
    """Of the account that this runs under, whatever the environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name.lower()
    except KeyError:
        # A container may run under a number that has no name.
        name = ""
    return re.sub(r"[^a-z0-9._-]", "-", name).lstrip("._-")[:63] or "operator"
