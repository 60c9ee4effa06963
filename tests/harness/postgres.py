"""A real PostgreSQL for tests: one server a session, one database a test, copied from a template.

The copies are cheap (about 30 ms) because the template holds the migrated schema already.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from persistence.database import migrate_now
from runtime import leash
from runtime.embedded.postgres import programs

TEMPLATE = "trueup_template"


class PostgresServer:
    """A running server. `folder` holds the socket, so addresses are unix sockets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The DSN of a new database; it is dropped after the block, whoever still uses it."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"create database {name} template {template} strategy file_copy")
        try:
            yield self.dsn(name)
        finally:
            self.execute(f"drop database {name} with (force)")


@contextmanager
def durable_server(*settings: str) -> Iterator[PostgresServer]:
    """As PostgreSQL comes but for `settings` (`name=value`), for measurements; empty. Ended after
    the block, and with us if we are killed."""
    # Short, because the path of a unix socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="trueup-pg-"))
    try:
        uid, gid = _account(folder)
        data = folder / "data"
        initdb = [
            *(str(programs() / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ]
        subprocess.run(_leashed(uid, gid, initdb), check=True, stdout=subprocess.DEVNULL)
        postgres = [
            *(str(programs() / "postgres"), "-D", str(data), "-k", str(folder)),
            *("-c", "listen_addresses="),
            *(word for setting in settings for word in ("-c", setting)),
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(_leashed(uid, gid, postgres), stdout=log, stderr=log)
        try:
            server = PostgresServer(folder)
            _until_it_answers(server, process)
            yield server
        finally:
            # Fast: ends the sessions and stops.
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leashed(uid: str, gid: str, program: list[str]) -> list[str]:
    me, death = str(os.getpid()), str(int(signal.SIGINT))
    return [sys.executable, "-I", "-S", str(leash.__file__), me, death, uid, gid, *program]


def _account(folder: Path) -> tuple[str, str]:
    """PostgreSQL refuses to run as root: user and group id to run as, `-` to stay who we are."""
    if os.geteuid() != 0:
        return "-", "-"
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    for above in (programs() / "x").parents:
        # That account may pass through, which is not to read.
        if not (mode := above.stat().st_mode) & 0o001:
            above.chmod(mode & 0o7777 | 0o001)
    return str(nobody.pw_uid), str(nobody.pw_gid)


def _until_it_answers(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError((server.folder / "log").read_text())
        with contextlib.suppress(psycopg.OperationalError):
            return server.execute("select 1")
        time.sleep(0.02)
    raise TimeoutError("PostgreSQL does not answer")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Without fsync, because our commits are tested and not the disk; with the template."""
    with durable_server() as running:
        running.execute("alter system set fsync = off")
        running.execute("select pg_reload_conf()")
        running.execute(f"create database {TEMPLATE}")
        migrate_now(running.dsn(TEMPLATE))
        yield running
