"""The seeded database: made once per set of versions, seed code and year, then copied.

Creating Tryton's schema takes half a minute; a copy of the finished file takes milliseconds. The
result lies in ``<cache>/erp-<digest>/`` as ``erp.sqlite`` and ``credentials.json``. Whoever needs
it first builds it in a folder beside and renames that into place; others wait at a lock file.
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
from collections.abc import AsyncIterator
from pathlib import Path

from runtime.erp.installation import ErpInstallation, write_config
from runtime.erp.instance import DATABASE, SeededDatabase
from runtime.erp.process import TrytonProcess
from runtime.erp.rpc import TrytonRpc
from runtime.erp.seed import seed

DATABASE_FILE = f"{DATABASE}.sqlite"
CREDENTIALS_FILE = "credentials.json"

_LOCK_SECONDS = 600
_LOCK_POLL_SECONDS = 0.2
SEED_SOURCES = (
    "catalogue.py",
    "instance.py",
    "installation.py",
    "seed.py",
    "seed_parties.py",
    "seed_payments.py",
)


async def copy_seeded(
    installation: ErpInstallation,
    cache: Path,
    target: Path,
    *,
    admin_password: str | None = None,
    today: datetime.date | None = None,
) -> SeededDatabase:
    """Put a fresh seeded database and its credentials into the folder ``target``.

    Builds the cached one first if there is none for these versions, this seed code and this
    calendar year (fiscal years reach from last year to next). ``admin_password`` sets the
    administrator's password instead of a random one. Raises ``ErpStartError``,
    ``TrytonRpcError`` or ``TimeoutError`` (another process holds the lock for too long).
    """
    today = today or datetime.datetime.now(tz=datetime.UTC).date()
    source = cache / f"erp-{_digest(installation, today, admin_password)}"
    await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
    if not source.exists():
        async with _lock(cache / f"{source.name}.lock"):
            if not source.exists():
                await _build(installation, source, admin_password or secrets.token_hex(16), today)
    await asyncio.to_thread(_copy, source, target)
    return SeededDatabase.load(target / CREDENTIALS_FILE)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    # The database comes last and at once: its presence says that the whole copy is there.
    for name in (CREDENTIALS_FILE, DATABASE_FILE):
        part = target / f".{name}.part"
        shutil.copy2(source / name, part)
        part.replace(target / name)


def _digest(installation: ErpInstallation, today: datetime.date, admin_password: str | None) -> str:
    digest = hashlib.sha256(installation.fingerprint().encode())
    for name in SEED_SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    password = hashlib.scrypt(
        (admin_password or "").encode(), salt=b"erp seed cache", n=2**12, r=8, p=1
    )
    digest.update(password)
    return f"{digest.hexdigest()[:16]}-{today.year}"


async def _build(
    installation: ErpInstallation, target: Path, password: str, today: datetime.date
) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        config = work / "create.conf"
        write_config(config, databases=work, port=0)
        await installation.create_database(work, config, password)
        server = TrytonProcess(installation, work)
        await server.start()
        try:
            async with TrytonRpc(server.url, DATABASE, "admin", password) as rpc:
                seeded = await seed(rpc, admin=("admin", password), today=today)
        finally:
            await server.stop()
        seeded.save(work / CREDENTIALS_FILE)
        await asyncio.to_thread(_into_one_file, work / DATABASE_FILE)
        await asyncio.to_thread(work.rename, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


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
