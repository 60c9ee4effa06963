"""Whether each part works: an answer of its own within a bound, never a process that is there.

A part that cannot be asked is `unknown`, as are all that only the database tells of while it does
not answer. Health is of all tenants.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import psycopg
from pydantic import Field

from canonical_models.base import Canonical, Instant
from operations.context import AppContext
from operations.errors import Unavailable
from persistence import at_work, breakers, digests, metrics, streams
from persistence.at_work import AtWork
from persistence.breakers import ConnectionView
from persistence.database import newest_schema_version, schema_version
from persistence.digests import Digest
from persistence.metrics import Standing
from persistence.streams import Standing as StreamStanding
from runtime.web_ui import WAITING

#: Seconds within which a part answers; one that takes longer than `SLOW` for it is slow.
BOUND, SLOW = 5.0, 1.0
#: What waits for nothing but a place is taken up within so many seconds while all is well.
_TAKEN_UP = 60.0
#: A process that has said nothing for so many of its words is away; a gone one is told for so long.
_WORDS, _REMEMBERED = 3, 600.0

Result = TypeVar("Result")


class State(StrEnum):
    WORKS = "works"
    SLOW = "slow"
    AWAY = "away"
    UNKNOWN = "unknown"


#: From the best to the worst.
_ORDER = (State.WORKS, State.SLOW, State.UNKNOWN, State.AWAY)


class Part(Canonical):
    """`since` is when it came into this state, where that is known. `facts` are figures and texts
    by name; times in seconds."""

    part: str
    state: State
    since: Instant | None = None
    facts: dict[str, int | float | str] = Field(default_factory=dict)


class Health(Canonical):
    """`state` is that of the worst part. `waiting` leads to what waits for people in the Web UI."""

    state: State
    parts: tuple[Part, ...]
    waiting: str | None


async def look(context: AppContext) -> Health:
    """All parts that the settings name, within twice the bound."""
    database, temporal = await asyncio.gather(_database(context), _temporal(context))
    asked, told = database
    if told is None:
        parts = [asked, temporal, *_unknown(context)]
    else:
        workers = await _workers(context, told, reached=temporal.state is not State.AWAY)
        parts = [
            *(asked, temporal, workers, _process("api", told), *_console(told)),
            _queue(told.standing),
            _questions(told.standing),
            *_connections(context, told, looked_at=workers.state is not State.AWAY),
            *_mail(context, told),
            *map(_stream, told.streams),
        ]
    return Health(
        state=max((part.state for part in parts), key=_ORDER.index),
        parts=tuple(parts),
        waiting=context.engine.listed(WAITING),
    )


class _Told(Canonical):
    """What the database says of all others."""

    at_work: tuple[AtWork, ...]
    breakers: tuple[ConnectionView, ...]
    digests: tuple[Digest, ...]
    streams: tuple[StreamStanding, ...]
    standing: Standing


async def _database(context: AppContext) -> tuple[Part, _Told | None]:
    async def ask() -> tuple[datetime, str | None, float]:
        async with context.database.statement() as conn:
            began = time.monotonic()
            row = await (await conn.execute("select pg_postmaster_start_time()")).fetchone()
            took = time.monotonic() - began
            if row is None:
                raise AssertionError("a function has a value")
            return row[0], await schema_version(conn), took

    async def read() -> _Told:
        async with context.database.statement() as conn:
            return _Told(
                at_work=await at_work.everyone(conn),
                breakers=await breakers.all_of(conn),
                digests=await digests.all_of(conn),
                streams=await streams.standing(conn),
                standing=await metrics.standing(conn),
            )

    answered = await _within(ask)
    if answered is None:
        return _silent("database"), None
    since, schema, took = answered
    if schema != (head := newest_schema_version()):
        told: dict[str, int | float | str] = {"schema": schema or "none", "needs": head or "none"}
        return Part(part="database", state=State.AWAY, facts=told), None
    state = State.SLOW if took > SLOW else State.WORKS
    part = Part(part="database", state=state, since=since, facts={"answer": round(took, 3)})
    found = await _within(read)
    return (_silent("database"), None) if found is None else (part, found)


async def _temporal(context: AppContext) -> Part:
    began = time.monotonic()
    reached = await _within(context.engine.reachable)
    took = time.monotonic() - began
    if not reached:
        return _silent("temporal")
    state = State.SLOW if took > 2 * SLOW else State.WORKS
    return Part(part="temporal", state=state, facts={"answer": round(took, 3)})


async def _workers(context: AppContext, told: _Told, *, reached: bool) -> Part:
    part = _process("worker", told)
    asking = await _within(context.engine.workers) if reached else None
    if asking is None:
        return part
    facts = part.facts | {"asking for tasks": asking}
    state = part.state
    if state is State.WORKS and not asking:
        state = State.SLOW
    return part.model_copy(update={"facts": facts, "state": state})


def _process(name: str, told: _Told) -> Part:
    """Of the processes of this kind: one that is heard of is enough."""
    all_ = [one for one in told.at_work if one.part == name]
    heard = [one for one in all_ if one.quiet <= at_work.EVERY * _WORDS]
    silent = [one for one in all_ if one not in heard and one.quiet <= _REMEMBERED]
    facts: dict[str, int | float | str] = {"at work": len(heard)}
    if silent:
        facts["silent"] = ", ".join(one.name for one in silent)
    if heard:
        since = min(one.since for one in heard)
        return Part(part=name, state=State.WORKS, since=since, facts=facts)
    return Part(part=name, state=State.AWAY, since=all_[0].seen_at if all_ else None, facts=facts)


def _console(told: _Told) -> Iterator[Part]:
    """An installation may do without: it is a part where one was at work within a day."""
    if any(one.part == "console" for one in told.at_work):
        yield _process("console", told)


def _queue(standing: Standing) -> Part:
    behind = max(standing.oldest_ready, standing.oldest_unread) > _TAKEN_UP
    return Part(
        part="queue",
        state=State.SLOW if behind else State.WORKS,
        facts={
            "pending": standing.pending,
            "ready": standing.ready,
            "oldest ready": round(standing.oldest_ready),
            "unread": standing.unread,
            "oldest unread": round(standing.oldest_unread),
        },
    )


def _questions(standing: Standing) -> Part:
    """People's work, which no part is slow by."""
    facts = {"open": standing.open, "late": standing.late, "escalated": standing.escalated}
    return Part(part="questions", state=State.WORKS, facts={**facts})


def _connections(context: AppContext, told: _Told, *, looked_at: bool) -> Iterator[Part]:
    """As the workers find them: unknown where none has looked, or none is there to look."""
    seen = {(one.tenant, one.connection): one for one in told.breakers}
    for key in _used(context):
        part, one = f"connection {key[0]}/{key[1]}", seen.get(key)
        if one is None or not looked_at:
            yield Part(part=part, state=State.UNKNOWN)
        elif one.state == "open":
            facts = {"reason": one.reason or "it does not answer"}
            yield Part(part=part, state=State.AWAY, since=one.since, facts={**facts})
        else:
            limit = {} if one.limit_seen is None else {"at once": one.limit_seen}
            if one.drifts:
                limit["answers that do not fit"] = one.drifts
            yield Part(part=part, state=State.WORKS, since=one.since, facts={**limit})


def _mail(context: AppContext, told: _Told) -> Iterator[Part]:
    rows = {(one.tenant, one.team): one for one in told.digests}
    for tenant, team in _told_by_mail(context):
        part, row = f"mail {tenant}/{team}", rows.get((tenant, team))
        if row is None:
            yield Part(part=part, state=State.UNKNOWN)
            continue
        facts: dict[str, int | float | str] = {"error": row.error} if row.error else {}
        if row.failures:
            facts["failures"] = row.failures
            yield Part(part=part, state=State.AWAY, since=row.failing_since, facts=facts)
        else:
            yield Part(part=part, state=State.WORKS, since=row.sent_at, facts=facts)


def _stream(of: StreamStanding) -> Part:
    """By what its receiver has said last; one that is paused is asked nothing."""
    facts: dict[str, int | float | str] = {"state": of.state.value}
    facts |= {"dead": of.dead} if of.dead else {}
    facts |= {"failures": of.failures, "error": of.error or ""} if of.failures else {}
    away = of.failures > 0
    return Part(
        part=f"stream {of.tenant}/{of.name}",
        state=State.AWAY if away else State.WORKS,
        since=of.failing_since if away else of.sent_at,
        facts=facts,
    )


def _unknown(context: AppContext) -> Iterator[Part]:
    """All that the database would tell of."""
    for name in (
        *("worker", "api", "queue", "questions"),
        *(f"connection {tenant}/{name}" for tenant, name in _used(context)),
        *(f"mail {tenant}/{team}" for tenant, team in _told_by_mail(context)),
    ):
        yield Part(part=name, state=State.UNKNOWN)


def _used(context: AppContext) -> list[tuple[str, str]]:
    return [
        (tenant, name)
        for tenant, settings in context.tenants.items()
        for name in dict.fromkeys(settings.parts.values())
    ]


def _told_by_mail(context: AppContext) -> list[tuple[str, str]]:
    return [
        (tenant, team.value)
        for tenant, settings in context.tenants.items()
        for team, addresses in settings.notify.items()
        if addresses
    ]


def _silent(part: str) -> Part:
    return Part(part=part, state=State.AWAY, facts={"answer": f"none within {BOUND:g} s"})


async def _within(ask: Callable[[], Awaitable[Result]]) -> Result | None:
    """None where there is no answer within the bound."""
    try:
        async with asyncio.timeout(BOUND):
            return await ask()
    except (TimeoutError, OSError, psycopg.Error, Unavailable):
        return None
