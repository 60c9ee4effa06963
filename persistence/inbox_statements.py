"""Prepared statements on one connection, without the layers that cost as much as the statements.

Psycopg registers and forgets the socket, makes a timer and a task for each wait; on the path that
every webhook takes this was a fifth of the time of a batch. Here the socket is registered once, and
libpq is asked when it has something.
"""

import asyncio
from collections.abc import Sequence

import psycopg
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult


class Statements:
    """Of an open, idle, non-blocking connection that nobody else uses until `close`."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._libpq: PGconn = connection.pgconn
        self._socket = self._libpq.socket
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[PGresult] | None = None
        self._broken: psycopg.OperationalError | None = None
        self._loop.add_reader(self._socket, self._readable)
        self._watched = True

    async def run(self, name: bytes, parameters: Sequence[bytes]) -> PGresult:
        """The rows of the prepared statement, all binary. One at a time.

        Raises psycopg's errors. After a cancellation the connection is of no more use.
        """
        if self._broken is not None:
            raise self._broken
        answer = self._answer = self._loop.create_future()
        self._libpq.send_query_prepared(
            name, parameters, [Format.BINARY] * len(parameters), result_format=Format.BINARY
        )
        if self._libpq.flush():
            self._loop.add_writer(self._socket, self._writable)
        try:
            result: PGresult = await answer
        finally:
            self._answer = None
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        return result

    async def close(self) -> None:
        self._forget()
        await self._connection.close()

    def _readable(self) -> None:
        try:
            self._libpq.consume_input()
            if self._answer is None or self._libpq.is_busy():
                return
            result = self._libpq.get_result()
            while result is not None and self._libpq.get_result() is not None:
                continue
        except psycopg.OperationalError as fault:
            self._fail(fault)
            return
        if result is not None and not self._answer.done():
            self._answer.set_result(result)

    def _writable(self) -> None:
        try:
            if not self._libpq.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as fault:
            self._fail(fault)

    def _fail(self, fault: psycopg.OperationalError) -> None:
        self._broken = fault
        self._forget()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(fault)

    def _forget(self) -> None:
        """Once: libpq closes a socket that failed, and another connection may get its number."""
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
