"""The group commit behind the webhook intake: one statement and one commit for all that wait.

Each delivery waits for the batch that carries it and is answered after the commit, so what has
been acknowledged is on disk.

Raw psycopg with binary arrays, because this is the hottest path. A batch is a statement, a commit,
and an answer for each of its webhooks.
"""

import asyncio
import os
import re
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
import structlog
from psycopg.pq.abc import PGresult

from persistence.inbox_statements import Statements

log = structlog.get_logger()

#: One statement, hence one transaction and one round trip; one notification for a whole batch.
_KEEP = b"""
with fresh as (
  insert into inbox
    (receipt, tenant, connection, event_id, event_type, status, reason, settled_at, body)
  select receipt, tenant, connection, event_id, event_type,
    case when reason = '' then 'received' else 'dead_lettered' end,
    nullif(reason, ''), case when reason <> '' then now() end, body
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
    as arrived (receipt, tenant, connection, event_id, event_type, reason, body)
  on conflict (tenant, connection, event_id) do nothing
  returning receipt
), woken as (
  select pg_notify('trueup_inbox', '') from fresh limit 1
)
select fresh.receipt from fresh left join woken on true
"""

_FIND = b"""
select inbox.tenant, inbox.connection, inbox.event_id, inbox.receipt, inbox.status
from unnest($1::text[], $2::text[], $3::text[]) as seen (tenant, connection, event_id)
join inbox using (tenant, connection, event_id)
"""

_STATEMENTS = {b"keep": _KEEP, b"find": _FIND}

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_REASON = 500

_HEAD, _LENGTH = struct.Struct(">iiIii"), struct.Struct(">i")
_BYTEA, _TEXT = 17, 25

_RECEIPT_BYTES = 12
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


def _texts(items: Sequence[str]) -> bytes:
    return _array(_TEXT, [item.encode() for item in items])


def _array(element: int, items: Sequence[bytes]) -> bytes:
    """One dimension, no nulls, from 1 (array_send in PostgreSQL's arrayfuncs.c). Psycopg's own
    dumper asks each element for its type, which took a fifth of the time of a batch."""
    parts = [_HEAD.pack(1, 0, element, len(items), 1)]
    for item in items:
        parts += (_LENGTH.pack(len(item)), item)
    return b"".join(parts)


class InboxUnavailable(Exception):
    """Not known to be on disk. Whoever sent it should send it again."""


def storable(reason: str) -> str:
    """Never empty, and nothing in it that PostgreSQL refuses: NUL, lone surrogates."""
    return _CONTROL.sub("?", reason)[:_MAX_REASON] or "no reason given"


class Delivery(NamedTuple):
    """An authentic webhook. With a `reason` it is a dead letter. No text may hold NUL."""

    tenant: str
    connection: str
    event_id: str
    event_type: str
    body: bytes
    reason: str = ""


class Kept(NamedTuple):
    """On disk. A `duplicate` has the receipt and the present status of the first delivery."""

    receipt: str
    status: str
    duplicate: bool


@dataclass(slots=True)
class Waiter:
    """A delivery and the request that waits for it. `answer` holds InboxUnavailable or Kept."""

    delivery: Delivery
    answer: asyncio.Future[Kept]
    #: Chosen before the first attempt: after a lost reply it tells our row from a duplicate's.
    receipt: str = ""

    def refuse(self, reason: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(InboxUnavailable(reason))


class InboxConnection:
    """A connection that keeps one batch after another. `patience` in seconds bounds a batch."""

    def __init__(self, dsn: str, patience: float) -> None:
        self._dsn = dsn
        self._patience = patience
        self._connection: Statements | None = None
        self._works = True

    async def keep(self, batch: Sequence[Waiter]) -> bool:
        """Whether it is on disk. Its waiters are answered with the next turn of the loop: by then
        the next batch is under way, and the database need not wait for us to write the answers."""
        for waiter, receipt in zip(batch, _receipts(len(batch)), strict=True):
            waiter.receipt = receipt
        kept: list[Kept] = []
        try:
            async with asyncio.timeout(self._patience):
                kept = await self._stored(batch)
            self._works = True
        except (psycopg.Error, OSError) as fault:
            self._works = False
            log.warning("inbox not written", rows=len(batch), error=type(fault).__name__)
        finally:
            asyncio.get_running_loop().call_soon(_answer, batch, kept)
        return self._works

    async def connect(self) -> psycopg.AsyncConnection:
        milliseconds = int(self._patience * 1000)
        return await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=2,
            options=f"-c statement_timeout={milliseconds} -c synchronous_commit=on",
        )

    async def close(self) -> None:
        if (connection := self._connection) is not None:
            self._connection = None
            await connection.close()

    async def _stored(self, batch: Sequence[Waiter]) -> list[Kept]:
        """Repeats over new connections until it is known to be on disk; the insert is idempotent.

        While the database is known to be away one attempt is enough to see whether it is back.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                if self._connection is None:
                    self._connection = await Statements.prepared(await self.connect(), _STATEMENTS)
                return await _insert(self._connection, batch)
            except (psycopg.OperationalError, OSError):
                await self.close()
                if not self._works:
                    raise
            except asyncio.CancelledError:
                await self.close()
                raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _answer(batch: Sequence[Waiter], kept: Sequence[Kept]) -> None:
    """Those of which nothing is known are refused."""
    for waiter, found in zip(batch, kept, strict=False):
        if not waiter.answer.done():
            waiter.answer.set_result(found)
    for waiter in batch[len(kept) :]:
        waiter.refuse("the database does not answer")


def _receipts(count: int) -> Iterator[str]:
    """Random ones, with one call of the system for all."""
    digits = os.urandom(_RECEIPT_BYTES * count).hex()
    step = 2 * _RECEIPT_BYTES
    return (f"rcp_{digits[at : at + step]}" for at in range(0, len(digits), step))


async def _insert(connection: Statements, batch: Sequence[Waiter]) -> list[Kept]:
    deliveries = [waiter.delivery for waiter in batch]
    keys = (
        _texts([delivery.tenant for delivery in deliveries]),
        _texts([delivery.connection for delivery in deliveries]),
        _texts([delivery.event_id for delivery in deliveries]),
    )
    kept = await connection.run(
        b"keep",
        (
            _texts([waiter.receipt for waiter in batch]),
            *keys,
            _texts([delivery.event_type for delivery in deliveries]),
            _texts([delivery.reason for delivery in deliveries]),
            _array(_BYTEA, [delivery.body for delivery in deliveries]),
        ),
    )
    fresh = {_text(kept, row, 0) for row in range(kept.ntuples)}
    known: dict[tuple[str, str, str], tuple[str, str]] = {}
    if len(fresh) < len(batch):
        found = await connection.run(b"find", keys)
        for row in range(found.ntuples):
            tenant, name, event, receipt, status = (_text(found, row, at) for at in range(5))
            known[tenant, name, event] = (receipt, status)
    return [_kept(waiter, fresh, known) for waiter in batch]


def _text(result: PGresult, row: int, column: int) -> str:
    """None of the columns may be null."""
    return (result.get_value(row, column) or b"").decode()


def _kept(
    waiter: Waiter, fresh: set[str], known: dict[tuple[str, str, str], tuple[str, str]]
) -> Kept:
    delivery = waiter.delivery
    if waiter.receipt in fresh:
        return Kept(waiter.receipt, "dead_lettered" if delivery.reason else "received", False)
    key = (delivery.tenant, delivery.connection, delivery.event_id)
    if key not in known:
        # Deleted between the two statements: the repetition will insert it.
        raise psycopg.OperationalError("the first delivery of an event has just been deleted")
    receipt, status = known[key]
    return Kept(receipt, status, receipt != waiter.receipt)


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
