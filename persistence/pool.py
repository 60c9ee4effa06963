"""The connections of a process to PostgreSQL: so many at most, whoever asks for one.

A connection is made when none is idle, and a failure to make one is told at once, with its reason.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from persistence.connection import Connection

#: Who finds none free within this time gets an error, in seconds.
_PATIENCE_S = 10


class NoneFree(psycopg.OperationalError):
    """All connections were in use for too long: `database.pool_size` is too small for the load, or
    something holds them."""


class Pool:
    """At most `size` connections, made with `options` of psycopg. With `ping` one that has died
    meanwhile is found before it is given, else by who gets it."""

    def __init__(self, dsn: str, *, size: int, ping: bool, options: dict[str, Any]) -> None:
        self._dsn = dsn
        self._ping = ping
        self._options = options
        self._free = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One in autocommit, for the time of the block. Raises psycopg.OperationalError: NoneFree,
        or that none can be made."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._free.acquire()
        except TimeoutError:
            raise NoneFree(
                f"no connection to PostgreSQL was free within {_PATIENCE_S} s: raise "
                "`database.pool_size`, or see in pg_stat_activity what holds them"
            ) from None
        try:
            conn = await self._living() or await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, **self._options
            )
            try:
                yield conn
            finally:
                await self._give(conn)
        finally:
            self._free.release()

    async def _living(self) -> Connection | None:
        while self._idle:
            conn = self._idle.pop()
            try:
                if self._ping:
                    await conn.execute("select 1")
            except psycopg.OperationalError:
                await conn.close()
                continue
            except BaseException:
                await conn.close()
                raise
            if not conn.closed:
                return conn
        return None

    async def _give(self, conn: Connection) -> None:
        """What it has left open is taken back; if that does not go, it is of no more use."""
        try:
            if conn.info.transaction_status in (
                TransactionStatus.INTRANS,
                TransactionStatus.INERROR,
            ):
                await conn.rollback()
        except psycopg.Error:
            pass
        finally:
            well = conn.info.transaction_status is TransactionStatus.IDLE
            if well and not self._closed:
                self._idle.append(conn)
            else:
                await conn.close()

    async def close(self) -> None:
        """Those in use are closed when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
