"""Prepared statements on one connection, without the layers that cost as much as the statements.

Psycopg registers and forgets the socket, makes a timer and a task for each wait; on the path that
every webhook takes this was a third of what a batch costs this process. Here the socket is
registered once, and libpq is asked when it has something. A wait can be cancelled at once, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult


class Statements:
    """Of an open, idle connection that nobody else uses until `close`."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._libpq: PGconn = connection.pgconn
        self._socket = self._libpq.socket
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._broken: psycopg.OperationalError | None = None
        self._loop.add_reader(self._socket, self._readable)
        self._watched = True

    @classmethod
    async def prepared(
        cls, connection: psycopg.AsyncConnection, statements: Mapping[bytes, bytes]
    ) -> Self:
        """Takes the connection over, and closes it when the statements cannot be prepared."""
        ours = cls(connection)
        try:
            for name, text in statements.items():
                ours._libpq.send_prepare(name, text)
                await ours._answered(ExecStatus.COMMAND_OK)
        except BaseException:
            await ours.close()
            raise
        return ours

    async def run(self, name: bytes, parameters: Sequence[bytes]) -> PGresult:
        """The rows of a statement, all binary. One at a time.

        Raises psycopg's errors. After a cancellation the connection is of no more use.
        """
        if self._broken is not None:
            raise self._broken
        self._libpq.send_query_prepared(
            name, parameters, [Format.BINARY] * len(parameters), result_format=Format.BINARY
        )
        return await self._answered(ExecStatus.TUPLES_OK)

    async def close(self) -> None:
        self._forget()
        await self._connection.close()

    async def _answered(self, expected: ExecStatus) -> PGresult:
        answer = self._answer = self._loop.create_future()
        try:
            if self._libpq.flush():
                self._loop.add_writer(self._socket, self._writable)
            result: PGresult = await answer
        finally:
            self._answer = None
        if result.status != expected:
            raise psycopg.errors.error_from_result(result)
        return result

    def _readable(self) -> None:
        try:
            self._libpq.consume_input()
            while self._answer is not None and not self._libpq.is_busy():
                if (result := self._libpq.get_result()) is not None:
                    # The last one counts: a commit that fails is told after the rows.
                    self._result = result
                else:
                    self._finish()
                    return
        except psycopg.OperationalError as fault:
            self._fail(fault)

    def _writable(self) -> None:
        try:
            if not self._libpq.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.OperationalError as fault:
            self._fail(fault)

    def _finish(self) -> None:
        if self._libpq.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection was lost")
        result, self._result = self._result, None
        if result is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(result)

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
