"""One batch of webhooks: a statement, a commit, and an answer for each of them.

Raw psycopg with binary arrays, because this is the hottest path.
"""

import asyncio
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import psycopg
import structlog
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

log = structlog.get_logger()

#: One statement, hence one transaction and one round trip; one notification for a whole batch.
_KEEP = """
with fresh as (
  insert into inbox
    (receipt, tenant, connection, event_id, event_type, status, reason, settled_at, body)
  select receipt, tenant, connection, event_id, event_type,
    case when reason = '' then 'received' else 'dead_lettered' end,
    nullif(reason, ''), case when reason <> '' then now() end, body
  from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[])
    as arrived (receipt, tenant, connection, event_id, event_type, reason, body)
  on conflict (tenant, connection, event_id) do nothing
  returning receipt
), woken as (
  select pg_notify('trueup_inbox', '') from fresh limit 1
)
select fresh.receipt from fresh left join woken on true
"""

_FIND = """
select inbox.tenant, inbox.connection, inbox.event_id, inbox.receipt, inbox.status
from unnest(%b::text[], %b::text[], %b::text[]) as seen (tenant, connection, event_id)
join inbox using (tenant, connection, event_id)
"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_REASON = 500

_HEAD, _LENGTH = struct.Struct(">iiIii"), struct.Struct(">i")
_BYTEA, _TEXT = 17, 25

_RECEIPT_BYTES = 12
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class _Texts(bytes):
    """A `text[]` as PostgreSQL receives it."""

    @classmethod
    def of(cls, items: Sequence[str]) -> Self:
        return cls(_array(_TEXT, [item.encode() for item in items]))


class _Bodies(bytes):
    """A `bytea[]` as PostgreSQL receives it."""


class _TextsDumper(Dumper):
    oid = 1009  # text[]
    format = Format.BINARY

    def dump(self, obj: Buffer) -> Buffer:
        return obj


class _BodiesDumper(_TextsDumper):
    oid = 1001  # bytea[]


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


class Lane:
    """A connection that keeps one batch after another. `patience` in seconds bounds a batch."""

    def __init__(self, dsn: str, patience: float) -> None:
        self._dsn = dsn
        self._patience = patience
        self._connection: psycopg.AsyncConnection | None = None
        self._works = True
        self._abandoned: set[asyncio.Task[list[Kept]]] = set()

    async def keep(self, batch: Sequence[Waiter]) -> None:
        """Every waiter is answered when this returns: after the commit, or refused in time."""
        for waiter, receipt in zip(batch, _receipts(len(batch)), strict=True):
            waiter.receipt = receipt
        attempt = asyncio.create_task(self._stored(batch))
        try:
            done, _ = await asyncio.wait({attempt}, timeout=self._patience)
            if not done:
                raise TimeoutError("no answer in time")
            for waiter, kept in zip(batch, attempt.result(), strict=True):
                if not waiter.answer.done():
                    waiter.answer.set_result(kept)
            self._works = True
        except (psycopg.Error, OSError) as fault:
            self._works = False
            log.warning("inbox not written", rows=len(batch), error=type(fault).__name__)
        finally:
            if not attempt.done():
                self._abandon(attempt)
            for waiter in batch:
                waiter.refuse("the database does not answer")

    async def connect(self) -> psycopg.AsyncConnection:
        milliseconds = int(self._patience * 1000)
        connection = await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            prepare_threshold=0,
            connect_timeout=2,
            options=f"-c statement_timeout={milliseconds} -c synchronous_commit=on",
        )
        connection.adapters.register_dumper(_Texts, _TextsDumper)
        connection.adapters.register_dumper(_Bodies, _BodiesDumper)
        return connection

    async def close(self) -> None:
        for attempt in self._abandoned:
            # The second cancellation makes psycopg close the connection without further ado.
            attempt.cancel()
        await asyncio.gather(*self._abandoned, return_exceptions=True)
        await self._disconnect()

    async def _disconnect(self) -> None:
        if (connection := self._connection) is not None:
            self._connection = None
            await connection.close()

    def _abandon(self, attempt: asyncio.Task[list[Kept]]) -> None:
        """psycopg takes seconds to give up on a silent server; nobody waits for that."""
        self._connection = None
        self._abandoned.add(attempt)
        attempt.add_done_callback(self._forget)
        attempt.cancel()

    def _forget(self, attempt: asyncio.Task[list[Kept]]) -> None:
        self._abandoned.discard(attempt)
        if not attempt.cancelled() and (fault := attempt.exception()) is not None:
            log.info("given up connection ended", error=type(fault).__name__)

    async def _stored(self, batch: Sequence[Waiter]) -> list[Kept]:
        """Repeats over new connections until it is known to be on disk; the insert is idempotent.

        While the database is known to be away one attempt is enough to see whether it is back.
        """
        pause = _FIRST_PAUSE_S
        while True:
            connection = self._connection
            try:
                if connection is None:
                    connection = self._connection = await self.connect()
                return await _insert(connection, batch)
            except (psycopg.OperationalError, OSError):
                if self._connection is connection:
                    await self._disconnect()
                if not self._works or asyncio.current_task() in self._abandoned:
                    raise
            except asyncio.CancelledError:
                if connection is not None:
                    await connection.close()
                raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _receipts(count: int) -> Iterator[str]:
    """Random ones, with one call of the system for all."""
    digits = os.urandom(_RECEIPT_BYTES * count).hex()
    step = 2 * _RECEIPT_BYTES
    return (f"rcp_{digits[at : at + step]}" for at in range(0, len(digits), step))


async def _insert(connection: psycopg.AsyncConnection, batch: Sequence[Waiter]) -> list[Kept]:
    deliveries = [waiter.delivery for waiter in batch]
    keys = (
        _Texts.of([delivery.tenant for delivery in deliveries]),
        _Texts.of([delivery.connection for delivery in deliveries]),
        _Texts.of([delivery.event_id for delivery in deliveries]),
    )
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(
            _KEEP,
            (
                _Texts.of([waiter.receipt for waiter in batch]),
                *keys,
                _Texts.of([delivery.event_type for delivery in deliveries]),
                _Texts.of([delivery.reason for delivery in deliveries]),
                _Bodies(_array(_BYTEA, [delivery.body for delivery in deliveries])),
            ),
        )
        fresh = {receipt for (receipt,) in await cursor.fetchall()}
        known: dict[tuple[str, str, str], tuple[str, str]] = {}
        if len(fresh) < len(batch):
            await cursor.execute(_FIND, keys)
            known = {(row[0], row[1], row[2]): (row[3], row[4]) for row in await cursor.fetchall()}
    return [_kept(waiter, fresh, known) for waiter in batch]


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
