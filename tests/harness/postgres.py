"""A real PostgreSQL for tests: one server a session, one database a test.

A database is copied from a template that holds the migrated schema, and emptied for the next test,
which takes less than to drop it and make another.
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
from typing import Any

import psycopg

from persistence.database import migrate_now
from runtime import leash
from sandbox.embedded.postgres import programs

TEMPLATE = "trueup_template"

#: What a test may have changed so that emptying is not enough.
_SCHEMA = """
select md5(string_agg(word, ',' order by word)), pg_database_size(current_database()) from (
  select format('%s %s %s', relname, relkind, relnatts) from pg_class where oid >= 16384
  union all select format('%s %s %s %s', attrelid::regclass, attname, atttypid, attnotnull)
    from pg_attribute where attrelid >= 16384 and attnum > 0
  union all select prosrc from pg_proc where oid >= 16384
  union all select pg_get_constraintdef(oid) from pg_constraint where oid >= 16384
  union all select format('%s %s', tgname, tgenabled) from pg_trigger where not tgisinternal
  union all select version_num from alembic_version
) as found (word)
"""
#: Nobody else is connected any more, then nothing is in it. What is large is dropped instead.
_EMPTIED = """
do $$ declare of text; begin
  perform pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid();
  set local session_replication_role = replica;
  for of in select format('%I', relname) from pg_class
    where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'
  loop execute 'delete from ' || of; end loop;
  perform setval(seqrelid::regclass, seqstart, false) from pg_sequence;
end $$
"""
_LARGE = 24 << 20


class PostgresServer:
    """A running server. `folder` holds the socket, so addresses are unix sockets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._empty: list[str] = []
        self._schema: str | None = None

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres:@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """The DSN of a new database, or of one as new. After the block it is nobody's, whoever
        still uses it."""
        ours = template == TEMPLATE
        if ours and self._empty:
            name = self._empty.pop()
        else:
            name = f"test_{secrets.token_hex(6)}"
            self.execute(f"create database {name} template {template} strategy file_copy")
        try:
            yield self.dsn(name)
        finally:
            if ours and self._emptied(name):
                self._empty.append(name)
            else:
                self.execute(f"drop database {name} with (force)")

    def _emptied(self, name: str) -> bool:
        """False where it is not worth it: it has another schema by now, or has grown."""
        if self._schema is None:
            with psycopg.connect(self.dsn(TEMPLATE), autocommit=True) as template:
                self._schema, _ = _as_it_is(template)
        try:
            with psycopg.connect(self.dsn(name), autocommit=True) as connection:
                schema, size = _as_it_is(connection)
                if schema != self._schema or size > _LARGE:
                    return False
                connection.execute(_EMPTIED)
        except psycopg.Error:
            # A test has closed it to others, or taken all tables away.
            return False
        return True


def _as_it_is(connection: psycopg.Connection[Any]) -> tuple[str, int]:
    """(the schema as a digest, bytes)."""
    schema, size = connection.execute(_SCHEMA).fetchone() or ("", 0)
    return schema, size


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
