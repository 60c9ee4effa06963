"""A loopback relay before a PostgreSQL, so that tests can lose or silence the connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Relay:
    """After `cut` it refuses until `start`; while `silent` it takes everything and says nothing."""

    def __init__(self, socket_path: str) -> None:
        self.port = 0
        self.silent = False
        #: Sees what the server answers; returning True drops the connection instead.
        self.drop_answer: Callable[[bytes], bool] | None = None
        self._socket_path = socket_path
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """As if PostgreSQL had been stopped: open connections end, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket_path)
        self._open |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer, answers=False))
                group.create_task(self._pump(far_reader, writer, answers=True))
        finally:
            for end in (writer, far_writer):
                end.transport.abort()
                self._open.discard(end)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if answers and self.drop_answer is not None and self.drop_answer(data):
                    break
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def relay_to(folder: str) -> AsyncIterator[Relay]:
    """A relay to the server whose socket is in `folder`."""
    relay = Relay(f"{folder}/.s.PGSQL.5432")
    await relay.start()
    try:
        yield relay
    finally:
        await relay.cut()
