"""Connections to PostgreSQL, and the schema they rely on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

MIGRATIONS = Path(__file__).parent / "migrations"

#: Two processes that start together migrate one after the other.
_MIGRATION_LOCK = 7_716_355


def sqlalchemy_url(dsn: str) -> str:
    """`postgresql://…` as libpq takes it, with SQLAlchemy's driver name."""
    return "postgresql+psycopg://" + dsn.split("://", 1)[1]


class Database:
    """A pool of connections; `transaction()` is the only way to the tables.

    Statements wait at most `statement_timeout` seconds, so that a stuck lock shows as an error of
    one change and never as a silent stop. Without `ping` a connection that died is only noticed by
    the transaction that meets it: for callers that are tried again anyway.
    """

    def __init__(
        self, dsn: str, *, pool_size: int = 10, statement_timeout: float = 15, ping: bool = True
    ) -> None:
        self.dsn = dsn
        self._engine = create_async_engine(
            sqlalchemy_url(dsn),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=ping,
            connect_args={
                "options": f"-c statement_timeout={int(statement_timeout * 1000)} -c timezone=UTC",
                "connect_timeout": 5,
            },
        )
        self._session = async_sessionmaker(
            self._engine, class_=AsyncSession, expire_on_commit=False
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Commits at the end of the block, rolls back on any exception."""
        async with self._session() as session, session.begin():
            yield session

    async def close(self) -> None:
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
