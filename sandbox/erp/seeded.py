"""The seeded database: made once per recipe and year, then copied.

Creating Tryton's schema takes half a minute; a copy of the finished file takes milliseconds. The
result lies in ``<cache>/erp-<recipe>-<year>/`` as ``erp.sqlite`` and ``credentials.json``. Whoever
needs it first builds it in a folder beside and renames that into place; others wait at a lock file.
The recipe is a digest of everything that decides what comes out, so a change makes a new one.
"""

import asyncio
import contextlib
import datetime
import fcntl
import hashlib
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from sandbox.erp.installation import ErpInstallation, write_config
from sandbox.erp.instance import DATABASE, SeededDatabase
from sandbox.erp.process import TrytonProcess
from sandbox.erp.rpc import TrytonRpc
from sandbox.erp.seed import seed

DATABASE_FILE = f"{DATABASE}.sqlite"
CREDENTIALS_FILE = "credentials.json"

_LOCK_SECONDS = 600
_LOCK_POLL_SECONDS = 0.2
#: The code that decides what is in a seeded database.
_RECIPE = ("seed*.py", "catalogue*.py", "instance.py", "installation.py")


def recipe_files() -> list[Path]:
    """The files of this folder that the recipe is made of, by name."""
    folder = Path(__file__).parent
    return sorted({path for pattern in _RECIPE for path in folder.glob(pattern)})


def recipe(installation: ErpInstallation, *, module: bool) -> str:
    """A digest of programs, modules and seed; ``module`` is whether the optional one is active.

    Raises ``ErpStartError`` if something of it is not installed.
    """
    digest = hashlib.sha256(installation.fingerprint().encode())
    for path in recipe_files():
        digest.update(path.read_bytes())
    if module:
        digest.update(installation.module_fingerprint().encode())
    return digest.hexdigest()[:16]


async def copy_seeded(
    installation: ErpInstallation,
    cache: Path,
    target: Path,
    *,
    module: bool = False,
    admin_password: str | None = None,
    today: datetime.date | None = None,
) -> SeededDatabase:
    """Put a fresh seeded database and its credentials into the folder ``target``.

    Builds the cached one first if there is none for this recipe and this calendar year. The one
    with the optional module is made from the one without, so whoever uses both pays once.
    ``admin_password`` sets the administrator's password instead of a random one. Raises
    ``ErpStartError``, ``TrytonRpcError`` or ``TimeoutError`` (another process holds the lock for
    too long).
    """
    today = today or datetime.datetime.now(tz=datetime.UTC).date()
    await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
    builder = _Builder(installation, cache, admin_password, today)
    source = await (builder.with_module() if module else builder.plain())
    await asyncio.to_thread(_copy, source, target)
    return SeededDatabase.load(target / CREDENTIALS_FILE)


class _Builder:
    """Finds or makes the folders of the cache."""

    def __init__(
        self,
        installation: ErpInstallation,
        cache: Path,
        admin_password: str | None,
        today: datetime.date,
    ) -> None:
        self._installation = installation
        self._cache = cache
        self._password = admin_password
        self._today = today

    async def plain(self) -> Path:
        made_by = recipe(self._installation, module=False)

        async def build(work: Path) -> None:
            password = self._password or secrets.token_hex(16)
            config = work / "create.conf"
            write_config(config, databases=work, port=0)
            await self._installation.create_database(work, config, password)
            server = TrytonProcess(self._installation, work)
            await server.start()
            try:
                async with TrytonRpc(server.url, DATABASE, "admin", password) as rpc:
                    seeded = await seed(
                        rpc, admin=("admin", password), today=self._today, recipe=made_by
                    )
            finally:
                await server.stop()
            seeded.save(work / CREDENTIALS_FILE)

        return await self._once(made_by, build)

    async def with_module(self) -> Path:
        made_by = recipe(self._installation, module=True)

        async def build(work: Path) -> None:
            await asyncio.to_thread(_copy, await self.plain(), work)
            config = work / "activate.conf"
            write_config(config, databases=work, port=0)
            await self._installation.activate_module(work, config)
            seeded = SeededDatabase.load(work / CREDENTIALS_FILE)
            facts = seeded.facts.model_copy(update={"module": True})
            changed = seeded.model_copy(update={"recipe": made_by, "facts": facts})
            changed.save(work / CREDENTIALS_FILE)

        return await self._once(made_by, build)

    async def _once(self, made_by: str, build: Callable[[Path], Awaitable[None]]) -> Path:
        target = self._cache / f"erp-{made_by}-{self._today.year}{self._password_mark()}"
        if target.exists():
            return target
        async with _lock(self._cache / f"{target.name}.lock"):
            if not target.exists():
                work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=self._cache))
                try:
                    await build(work)
                    await asyncio.to_thread(_into_one_file, work / DATABASE_FILE)
                    await asyncio.to_thread(work.rename, target)
                except BaseException:
                    shutil.rmtree(work, ignore_errors=True)
                    raise
        return target

    def _password_mark(self) -> str:
        if self._password is None:
            return ""
        digest = hashlib.scrypt(self._password.encode(), salt=b"erp seed cache", n=2**12, r=8, p=1)
        return f"-{digest.hex()[:8]}"


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    # The database comes last and at once: its presence says that the whole copy is there.
    for name in (CREDENTIALS_FILE, DATABASE_FILE):
        part = target / f".{name}.part"
        shutil.copy2(source / name, part)
        part.replace(target / name)


def _into_one_file(database: Path) -> None:
    """Fold SQLite's write-ahead log back in, so that copying the one file copies everything."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")


@contextlib.asynccontextmanager
async def _lock(path: Path) -> AsyncIterator[None]:
    with path.open("w") as file:
        async with asyncio.timeout(_LOCK_SECONDS):
            while True:  # a file lock can be tried or blocked on, but not awaited
                if _try_lock(file.fileno()):
                    break
                await asyncio.sleep(_LOCK_POLL_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
