"""Connections to PostgreSQL, and the schema they rely on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from persistence.raw import Raw

MIGRATIONS = Path(__file__).parent / "migrations"

#: Two processes that start together migrate one after the other.
_MIGRATION_LOCK = 7_716_355


def sqlalchemy_url(dsn: str) -> str:
    """`postgresql://…` as libpq takes it, with SQLAlchemy's driver name."""
    return "postgresql+psycopg://" + dsn.split("://", 1)[1]


def libpq_url(dsn: str) -> str:
    """The same for the driver itself."""
    return "postgresql://" + dsn.split("://", 1)[1]


class Database:
    """Pooled connections; `transaction()`, `work()` and `statement()` are the only ways to
    the tables.

    Statements wait at most `statement_timeout` seconds, so that a stuck lock shows as an error of
    one change and never as a silent stop. Without `ping` a connection that died is only noticed by
    the transaction that meets it: for callers that are tried again anyway.
    """

    def __init__(
        self, dsn: str, *, pool_size: int = 10, statement_timeout: float = 15, ping: bool = True
    ) -> None:
        self.dsn = dsn
        connect = {
            "options": f"-c statement_timeout={int(statement_timeout * 1000)} -c timezone=UTC",
            "connect_timeout": 5,
        }
        self._engine = create_async_engine(
            sqlalchemy_url(dsn),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=ping,
            connect_args=connect,
        )
        self._single = AsyncConnectionPool[Raw](
            libpq_url(dsn),
            kwargs={"autocommit": True, **connect},
            min_size=0,
            max_size=pool_size,
            timeout=10,
            check=AsyncConnectionPool.check_connection if ping else None,
            open=False,
        )
        self._session = async_sessionmaker(
            self._engine, class_=AsyncSession, expire_on_commit=False
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commits at the end of the block, rolls back on any exception."""
        async with self._session() as session, session.begin():
            yield session

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Raw]:
        """A connection on which every statement is a transaction of its own."""
        if self._single.closed:
            await self._single.open()
        async with self._single.connection() as connection:
            yield connection

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Raw]:
        """A transaction for statements written out; as `transaction()` otherwise."""
        async with self.statement() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        await self._single.close()
        await self._engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
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
