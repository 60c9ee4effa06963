"""Who types: by a personal key, never by what the operating system calls them.

The key is in $TRUEUP_KEY, else in the file that $TRUEUP_KEY_FILE names, else in
`secrets/operator-key` beside the settings, which `trueup login` writes. A file holds one key a
line, one for each tenant, and only its owner may read it.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from canonical_models.acts import ADMIN, Role
from cli.output import ExitCode, Problem
from operations import people, permissions
from operations.context import AppContext
from operations.permissions import Principal
from persistence import keys
from persistence.keys import ApiKey
from runtime.settings import Settings

KEY, FILE = "TRUEUP_KEY", "TRUEUP_KEY_FILE"
#: What is recorded of whoever has the configuration and no key, which is only how it begins.
NOBODY = "the installation"


class Unknown(Problem):
    """A key that opens nothing, or nothing of this tenant."""


async def who(context: AppContext, settings: Settings, tenant: str) -> Principal:
    """Whoever has the key for the tenant. Without any they see what everybody sees, since they
    reach the database anyway, and administer as long as nobody who does can sign in.

    Raises Unknown for a key that opens nothing, or nothing of this tenant.
    """
    given = kept(settings)
    if given:
        found = [key for raw in given if (key := await _found(context, raw)) is not None]
        for key in found:
            if key.tenant == tenant:
                return permissions.of_key(key)
        if found:
            raise Unknown(
                f"no tenant is called {tenant} for {found[0].name}",
                code=ExitCode.NOT_FOUND,
                remedy=f"sign in to it: `trueup login --tenant {tenant}`",
            )
        raise Unknown(
            f"the key in {source(settings)} is not known, has expired, or has been revoked",
            code=ExitCode.CONFLICT,
            remedy="sign in again with `trueup login`",
        )
    return await nobody(context, tenant)


async def nobody(context: AppContext, tenant: str) -> Principal:
    begun = await people.administered(context, tenant)
    roles = {Role.VIEWER} if begun else {Role.VIEWER, Role.ADMIN}
    return Principal(tenant, NOBODY, frozenset({ADMIN}), frozenset(roles))


def kept(settings: Settings) -> tuple[str, ...]:
    """The keys that there are. Raises Problem for a file that others may read."""
    if (said := os.environ.get(KEY)) is not None:
        return tuple(said.split())
    return kept_in_file(settings)


def kept_in_file(settings: Settings) -> tuple[str, ...]:
    path = key_file(settings)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError:
        # There is none, or it is somebody else's, who shares the settings with us.
        return ()
    if stat.S_IMODE(mode) & 0o077:
        raise Problem(
            f"{path} holds keys, and others may read it",
            code=ExitCode.USAGE,
            remedy=f"chmod 600 {path}",
        )
    return tuple(text.split())


def keep(settings: Settings, given: tuple[str, ...]) -> Path:
    """Have these from now on; a file of mode 0600, whatever it was before. Raises OSError, also
    where the file is somebody else's."""
    path = key_file(settings)
    if path.exists() and not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join(f"{key}\n" for key in given))
        made.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            made.unlink()
        raise
    return path


def key_file(settings: Settings) -> Path:
    named = os.environ.get(FILE)
    return Path(named) if named else settings.folder / "secrets" / "operator-key"


def source(settings: Settings) -> str:
    """Where the key comes from."""
    return f"${KEY}" if KEY in os.environ else str(key_file(settings))


async def _found(context: AppContext, raw: str) -> ApiKey | None:
    async with context.database.statement() as conn:
        return await keys.find(conn, raw)


async def of_tenant(context: AppContext, raw: str, tenant: str) -> ApiKey | None:
    """The key, where it opens something of the tenant."""
    found = await _found(context, raw)
    return found if found is not None and found.tenant == tenant else None
