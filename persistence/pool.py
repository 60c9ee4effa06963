"""The connections of a process to PostgreSQL: one pool, whoever asks for one.

SQLAlchemy and statements that are written out take from it alike, so that its size is what the
process opens. A connection is made when none is idle, and a failure to make one is told at once.
"""

import asyncio
from typing import Any, Self

import psycopg
from psycopg.pq import TransactionStatus

#: Who finds none free within this time gets an error, in seconds.
_PATIENCE_S = 10


class NoneFree(psycopg.OperationalError):
    """All connections were in use for too long: `database.pool_size` is too small for the load, or
    something holds them."""


class Pooled(psycopg.AsyncConnection[tuple[Any, ...]]):
    """Goes back to its pool when it is closed."""

    _home: "Pool | None" = None

    async def close(self) -> None:
        home, self._home = self._home, None
        if home is None:
            await super().close()
        else:
            await home.give(self)

    def add_notice_handler(self, callback: object) -> None:
        """SQLAlchemy adds its own whenever it gets one, and would for ever to the same ones."""

    def lent(self, home: "Pool") -> Self:
        self._home = home
        return self


class Pool:
    """At most `size` connections, made with `options` of psycopg. With `ping` one that has died
    meanwhile is found before it is given, else by who gets it."""

    def __init__(self, dsn: str, *, size: int, ping: bool, options: dict[str, Any]) -> None:
        self._dsn = dsn
        self._ping = ping
        self._options = options
        self._free = asyncio.Semaphore(size)
        self._idle: list[Pooled] = []
        self._closed = False

    async def take(self, *, autocommit: bool) -> Pooled:
        """Give it back by closing it. Raises psycopg.OperationalError: NoneFree, or that none can
        be made."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._free.acquire()
        except TimeoutError:
            raise NoneFree(
                f"no connection to PostgreSQL was free within {_PATIENCE_S} s: raise "
                "`database.pool_size`, or see in pg_stat_activity what holds them"
            ) from None
        try:
            connection = await self._living() or await Pooled.connect(self._dsn, **self._options)
            if connection.autocommit is not autocommit:
                await connection.set_autocommit(autocommit)
        except BaseException:
            self._free.release()
            raise
        return connection.lent(self)

    async def _living(self) -> Pooled | None:
        while self._idle:
            connection = self._idle.pop()
            try:
                if self._ping:
                    await connection.set_autocommit(True)
                    await connection.execute("select 1")
            except psycopg.OperationalError:
                await connection.close()
                continue
            except BaseException:
                await connection.close()
                raise
            if not connection.closed:
                return connection
        return None

    async def give(self, connection: Pooled) -> None:
        """What it has left open is taken back; if that does not go, it is of no more use."""
        try:
            if connection.info.transaction_status in (
                TransactionStatus.INTRANS,
                TransactionStatus.INERROR,
            ):
                await connection.rollback()
        except psycopg.Error:
            pass
        finally:
            well = connection.info.transaction_status is TransactionStatus.IDLE
            if well and not self._closed:
                self._idle.append(connection)
                self._free.release()
            else:
                try:
                    await connection.close()
                finally:
                    self._free.release()

    async def close(self) -> None:
        """Those in use are closed when they are given back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
