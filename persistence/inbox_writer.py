"""The group commit behind the webhook intake: one statement and one commit for all that wait.

Each delivery waits for the batch that carries it and is answered after the commit, so what has
been acknowledged is on disk.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import psycopg
import structlog

from persistence.inbox_batch import Delivery, InboxUnavailable, Kept, Lane, Waiter, storable

__all__ = ["Delivery", "InboxUnavailable", "InboxWriter", "Kept", "WriterLimits", "storable"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Bytes count bodies. `patience` is how long, in seconds, a batch may take, retries included:
    a delivery waits for the batch before its own and its own, so twice that at most."""

    batch_rows: int = 256
    batch_bytes: int = 8 << 20
    waiting_rows: int = 2048
    waiting_bytes: int = 64 << 20
    patience: float = 3.0
    #: While one waits for its commit, the other gathers and writes. Events that arrive together
    #: may be kept in either order: what they mean is read from the billing platform anyway.
    connections: int = 2


class InboxWriter:
    """`start()` before the first `keep`, `close()` after the last; it never ends by itself."""

    def __init__(self, dsn: str, limits: WriterLimits | None = None) -> None:
        self._limits = limits or WriterLimits()
        self._lanes = [Lane(dsn, self._limits.patience) for _ in range(self._limits.connections)]
        self._waiting: deque[Waiter] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._writing = self._stopping = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._write(lane)) for lane in self._lanes]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self._writing = True

    async def close(self) -> None:
        """Keeps what still waits, for as long as two batches may take, then refuses the rest."""
        if self._stopping or not self._tasks:
            return
        self._stopping = True
        self._arrived.set()
        _, late = await asyncio.wait(self._tasks, timeout=2 * self._limits.patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for waiter in self._taken(all_of_them=True):
            waiter.refuse("the service is stopping")
        for lane in self._lanes:
            await lane.close()

    async def keep(self, delivery: Delivery) -> Kept:
        """Returns after the commit. Raises InboxUnavailable, soon and for certain, otherwise."""
        limits = self._limits
        self._check()
        if (
            len(self._waiting) >= limits.waiting_rows
            or self._waiting_bytes + len(delivery.body) > limits.waiting_bytes
        ):
            raise InboxUnavailable("more events wait than the database takes")
        waiter = Waiter(delivery, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._waiting_bytes += len(delivery.body)
        self._arrived.set()
        return await waiter.answer

    async def ping(self) -> None:
        """Raises InboxUnavailable when nothing can be kept at present."""
        self._check()
        try:
            async with await self._lanes[0].connect() as connection:
                await connection.execute("select 1")
        except (psycopg.Error, OSError) as fault:
            raise InboxUnavailable("the database does not answer") from fault

    def _check(self) -> None:
        if self._stopping:
            raise InboxUnavailable("the service is stopping")
        if not self._writing:
            raise InboxUnavailable("the inbox writer is not running")

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._writing = False

    async def _write(self, lane: Lane) -> None:
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            await self._gathered()
            if batch := self._taken():
                await lane.keep(batch)
            if not self._waiting and not self._stopping:
                self._arrived.clear()

    async def _gathered(self) -> None:
        """While more arrive with every turn of the loop, they share the commit: a delay of less
        than one commit, and none when little arrives."""
        seen = 0
        while seen < len(self._waiting) < self._limits.batch_rows and not self._stopping:
            seen = len(self._waiting)
            await asyncio.sleep(0)

    def _taken(self, *, all_of_them: bool = False) -> list[Waiter]:
        batch: list[Waiter] = []
        size = 0
        while self._waiting and (all_of_them or len(batch) < self._limits.batch_rows):
            size += len(self._waiting[0].delivery.body)
            if batch and not all_of_them and size > self._limits.batch_bytes:
                break
            waiter = self._waiting.popleft()
            self._waiting_bytes -= len(waiter.delivery.body)
            batch.append(waiter)
        return batch
