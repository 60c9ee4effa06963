"""The group commit behind the webhook intake: one statement and one commit for all that wait.

Each delivery waits for the batch that carries it and is answered after the commit, so what has
been acknowledged is on disk.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import psycopg

from persistence.inbox_batch import (
    Delivery,
    InboxConnection,
    InboxUnavailable,
    Kept,
    Waiter,
    storable,
)

__all__ = ["Delivery", "InboxUnavailable", "InboxWriter", "Kept", "WriterLimits", "storable"]

#: Rows for which a batch of their own is not worth its commit.
_LEAST = 16


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Bytes count bodies. `patience` is how long, in seconds, a batch may take, retries included.
    What waits behind a batch that fails is refused with it."""

    batch_rows: int = 256
    batch_bytes: int = 8 << 20
    waiting_rows: int = 2048
    waiting_bytes: int = 64 << 20
    patience: float = 3.0


class InboxWriter:
    """`start()` before the first `keep`, `close()` after the last; it never ends by itself."""

    def __init__(self, dsn: str, limits: WriterLimits | None = None) -> None:
        self._limits = limits or WriterLimits()
        self._database = InboxConnection(dsn, self._limits.patience)
        self._waiting: deque[Waiter] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Keeps what still waits, for as long as two batches may take, then refuses the rest."""
        if self._stopping or self._task is None:
            return
        self._stopping = True
        self._arrived.set()
        await asyncio.wait({self._task}, timeout=2 * self._limits.patience)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._database.close()

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
            async with await self._database.connect() as connection:
                await connection.execute("select 1")
        except (psycopg.Error, OSError) as fault:
            raise InboxUnavailable("the database does not answer") from fault

    def _check(self) -> None:
        if self._stopping:
            raise InboxUnavailable("the service is stopping")
        if self._task is None or self._task.done():
            raise InboxUnavailable("the inbox writer is not running")

    async def _write(self) -> None:
        last = 0
        try:
            while self._waiting or not self._stopping:
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                    last = 0
                # At most half of all that are here, so that the others are read, checked and
                # answered while the database keeps these: in one batch they would take turns.
                batch = self._taken(max(_LEAST, (last + len(self._waiting)) // 2))
                last = len(batch)
                if batch and not await self._database.keep(batch):
                    self._refuse("the database does not answer")
        finally:
            self._refuse("the service is stopping")

    def _refuse(self, reason: str) -> None:
        while self._waiting:
            for waiter in self._taken(self._limits.batch_rows):
                waiter.refuse(reason)

    def _taken(self, rows: int) -> list[Waiter]:
        batch: list[Waiter] = []
        size = 0
        while self._waiting and len(batch) < min(rows, self._limits.batch_rows):
            size += len(self._waiting[0].delivery.body)
            if batch and size > self._limits.batch_bytes:
                break
            waiter = self._waiting.popleft()
            self._waiting_bytes -= len(waiter.delivery.body)
            batch.append(waiter)
        return batch
