"""Connections to PostgreSQL, and the schema they rely on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import create_engine, text

from persistence.connection import Connection
from persistence.pool import Pool

_MIGRATIONS = Path(__file__).parent / "migrations"

#: Two processes that start together migrate one after the other.
_MIGRATION_LOCK = 7_716_355


def sqlalchemy_url(dsn: str) -> str:
    """`postgresql://…` as libpq takes it, with SQLAlchemy's driver name."""
    return "postgresql+psycopg://" + dsn.split("://", 1)[1]


def libpq_url(dsn: str) -> str:
    """The same for the driver itself."""
    return "postgresql://" + dsn.split("://", 1)[1]


class Database:
    """The connections of this process, `pool_size` at most; `transaction()` and `statement()` are
    the only ways to the tables.

    Statements wait at most `statement_timeout` seconds, so that a stuck lock shows as an error of
    one change and never as a silent stop. Without `ping` a connection that died is only noticed by
    the transaction that meets it: for callers that are tried again anyway.
    """

    def __init__(
        self, dsn: str, *, pool_size: int = 10, statement_timeout: float = 15, ping: bool = True
    ) -> None:
        self.dsn = dsn
        self._pool = Pool(
            libpq_url(dsn),
            size=pool_size,
            ping=ping,
            options={
                "options": f"-c statement_timeout={int(statement_timeout * 1000)} -c timezone=UTC",
                "connect_timeout": 5,
                "application_name": "trueup",
            },
        )

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """A connection on which every statement is a transaction of its own."""
        async with self._pool.connection() as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commits at the end of the block, rolls back on any exception."""
        async with self.statement() as conn, conn.transaction():
            yield conn

    async def close(self) -> None:
        await self._pool.close()


def _config(connection: SyncConnection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def migrate_now(dsn: str) -> None:
    """Bring the schema to this version. Safe to run again, and from several processes."""
    engine = create_engine(sqlalchemy_url(dsn), connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()
            command.upgrade(_config(connection), "head")
            connection.commit()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
    finally:
        engine.dispose()


async def migrate(dsn: str) -> None:
    await asyncio.to_thread(migrate_now, dsn)


def newest_schema_version() -> str | None:
    """The migration that this version of Trueup brings a database to."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


async def schema_version(conn: Connection) -> str | None:
    """The migration that the database is at; None before the first."""
    known = await (await conn.execute("select to_regclass('alembic_version')")).fetchone()
    if known is None or known[0] is None:
        return None
    row = await (await conn.execute("select version_num from alembic_version")).fetchone()
    return row[0] if row else None
