"""Rows of the effect ledger. The protocol that moves them is activities/ledger.py; every update is
a compare-and-set on key, attempt and state, and says whether it was still so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canonical_models.effects import EffectState, Mover, may_move
from canonical_models.views import EffectView
from persistence.connection import Connection
from persistence.ownership import OWNED, Owner
from persistence.rows import fetch, select

_INTENDED = """
insert into effects (key, tenant, change_id, step, system, operation, request_hash, place,
  writes_set,
  state, attempt, attempted_at, lands_until)
values (%(key)s, %(tenant)s, %(change_id)s, %(step)s, %(system)s, %(operation)s,
  %(request_hash)s, %(place)s, %(writes_set)s, {state})
on conflict do nothing returning key
"""
_LANDS = "clock_timestamp() + %(window)s * interval '1 second'"
_ATTEMPTED = _INTENDED.format(state=f"'attempting', 1, now(), {_LANDS}")
#: What may still be carried out and say something else of the set, or the same once more where that
#: makes another.
_OTHER_OF_SET = """
select extract(epoch from lands_until - clock_timestamp())::float8 as lands_in,
  state in ('attempting', 'compensating') as at_work
from effects where writes_set = %(writes_set)s and lands_until > clock_timestamp()
  and (request_hash <> %(request_hash)s or %(once)s and key <> %(key)s)
order by lands_until desc limit 1
"""
_ATTEMPTED_OF_SET = f"""
with made as ({_ATTEMPTED}), other as ({_OTHER_OF_SET})
select (select count(*) from made), (select lands_in from other), (select at_work from other)
"""  # noqa: S608 - put together from constants
#: Done already, where the owner is the change's.
_DONE_OWNED = f"""
with {OWNED}
insert into effects (key, tenant, change_id, step, system, operation, request_hash, place,
  writes_set, state, attempt, attempted_at, confirmed_at, result, vendor_reference, url)
select %(key)s, %(tenant)s, %(change_id)s, %(step)s, %(system)s, %(operation)s, %(request_hash)s,
  %(place)s, %(writes_set)s, 'confirmed', 1, now(), now(), %(result)s::jsonb, %(reference)s,
  %(url)s from owned
on conflict do nothing returning key
"""  # noqa: S608 - put together from constants
#: An attempt, where the owner is the change's.
_ATTEMPTED_OWNED = f"""
with {OWNED}
insert into effects (key, tenant, change_id, step, system, operation, request_hash, place,
  writes_set, state, attempt, attempted_at, lands_until)
select %(key)s, %(tenant)s, %(change_id)s, %(step)s, %(system)s, %(operation)s, %(request_hash)s,
  %(place)s, %(writes_set)s, 'attempting', 1, now(), {_LANDS} from owned
on conflict do nothing returning key
"""  # noqa: S608 - put together from constants
_PLANNED = _INTENDED.format(state="'planned', 0, null, null")

_KNOWN = """
select state, attempt, result::text, request_hash, change_id, made, lands_until,
  case when lands_until is not null
    then greatest(0, extract(epoch from lands_until - clock_timestamp()))::float8 end
from effects where key = %s
"""
#: As long as nobody has begun since.
_STILL = " where key = %(key)s and attempt = %(attempt)s and state = %(state)s"


@dataclass(frozen=True, slots=True)
class Known:
    """A row as it is: `result` is JSON, `made` ids of what was made over there so far. `lands_in`
    is for how many seconds an unanswered request may still be carried out, 0 where it no longer
    can, None where all were answered."""

    state: EffectState
    attempt: int
    result: str | None
    request_hash: str
    change_id: str
    made: tuple[str, ...]
    lands_until: datetime | None
    lands_in: float | None


@dataclass(frozen=True, slots=True)
class Fence:
    """Of one attempt or undo: it stands as long as the row says the same."""

    key: str
    attempt: int
    state: EffectState

    def values(self) -> dict[str, Any]:
        return {"key": self.key, "attempt": self.attempt, "state": self.state.value}


@dataclass(frozen=True, slots=True)
class Stray:
    """An effect after which it is looked once more for what landed late."""

    key: str
    step: str
    #: The legal entity, where there is one.
    place: str | None
    state: EffectState
    #: What stands over there, by its id.
    result_id: str | None


async def first_attempt(
    conn: Connection, values: Mapping[str, Any], *, owner: Owner | None = None
) -> bool:
    """Make the row as `attempting`. False when there is one already: see `locked`; or where the
    `owner` is not the change's any more."""
    if owner is None:
        made = await conn.execute(_ATTEMPTED, values)
    else:
        made = await conn.execute(_ATTEMPTED_OWNED.encode(), {**values, **owner.proof})
    return await made.fetchone() is not None


async def first_of_set(
    conn: Connection, values: Mapping[str, Any]
) -> tuple[bool, tuple[float, bool] | None]:
    """As `first_attempt`, of a write of a set that is locked; and whether another is in its way:
    for how many seconds it may still be carried out and say something else, and whether it is under
    way now. Then nothing may be committed."""
    row = await (await conn.execute(_ATTEMPTED_OF_SET.encode(), values)).fetchone()
    made, lands_in, at_work = row or (0, None, None)
    return made > 0, None if lands_in is None else (lands_in, at_work)


async def first_confirmed(
    conn: Connection,
    values: Mapping[str, Any],
    *,
    owner: Owner,
    result: str,
    vendor_reference: str | None,
    url: str | None,
) -> bool:
    """Make the row as `confirmed`, of what is done in this very transaction. False when there is
    one already: see `locked`; or where the `owner` is not the change's any more."""
    told = {"result": result, "reference": vendor_reference, "url": url, **owner.proof}
    made = await conn.execute(_DONE_OWNED.encode(), {**values, **told})
    return await made.fetchone() is not None


async def locked(conn: Connection, values: Mapping[str, Any]) -> Known:
    """The row of this key, made as `planned` from `values` if there is none, locked until the
    commit."""
    await conn.execute(_PLANNED, values)
    found = await get(conn, values["key"], lock=True)
    if found is None:
        raise RuntimeError(f"effect {values['key']} was made and is gone: who deleted it?")
    return found


async def get(conn: Connection, key: str, *, lock: bool = False) -> Known | None:
    asked = _KNOWN + (" for update" if lock else "")
    row = await (await conn.execute(asked.encode(), (key,))).fetchone()
    if row is None:
        return None
    state, attempt, result, request, change_id, made, until, lands_in = row
    return Known(
        EffectState(state), attempt, result, request, change_id, tuple(made), until, lands_in
    )


async def begin(conn: Connection, values: Mapping[str, Any], known: Known) -> Fence:
    """One more attempt, by the newest from now on. The row has to be locked."""
    _require(Mover.BEGIN, known.state, EffectState.ATTEMPTING)
    await conn.execute(
        "update effects set state = 'attempting', attempt = attempt + 1, "
        "request_hash = %(request_hash)s, change_id = %(change_id)s, step = %(step)s, "
        "attempted_at = now() where key = %(key)s",
        values,
    )
    return Fence(values["key"], known.attempt + 1, EffectState.ATTEMPTING)


async def undo(
    conn: Connection, key: str, known: Known, *, request_hash: str | None = None
) -> Fence:
    """As `begin`, of an undo; one of a set writes something else."""
    _require(Mover.UNDO, known.state, EffectState.COMPENSATING)
    await conn.execute(
        "update effects set state = 'compensating', attempt = attempt + 1, "
        "request_hash = coalesce(%s, request_hash) where key = %s",
        (request_hash, key),
    )
    return Fence(key, known.attempt + 1, EffectState.COMPENSATING)


def organization_set(tenant: str, organization: str = "") -> str:
    """What writes of the organisation are writes of; without one, what those of all begin with."""
    return f"organization:{tenant}/{organization}"


async def last_reference(conn: Connection, writes_set: str) -> str | None:
    """By which id the other system had what the set's writes were about, when one last said so."""
    found = await conn.execute(
        "select vendor_reference from effects where writes_set = %s "
        "and vendor_reference is not null and confirmed_at is not null "
        "order by confirmed_at desc limit 1",
        (writes_set,),
    )
    row = await found.fetchone()
    return None if row is None else row[0]


def set_lock(writes_set: str | None) -> str | None:
    return None if writes_set is None else f"set/{writes_set}"


async def lock_set(conn: Connection, writes_set: str) -> None:
    """Until the commit nobody else begins a write of the set."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (set_lock(writes_set),)
    )


async def other_of_set(conn: Connection, values: Mapping[str, Any]) -> tuple[float, bool] | None:
    """(for how many seconds another write of the set may still be carried out; whether it is under
    way now). The set has to be locked."""
    found = await conn.execute(_OTHER_OF_SET.encode(), values)
    row = await found.fetchone()
    return None if row is None else (row[0], row[1])


async def hold(conn: Connection, fence: Fence, *, window: float) -> bool:
    """A request goes out now, which may be carried out for so many seconds."""
    return await _moved(
        conn,
        "update effects set swept_at = null, lands_until = greatest(lands_until, "
        "clock_timestamp() + %(window)s * interval '1 second')",
        fence.values() | {"window": window},
    )


async def add_made(conn: Connection, fence: Fence, made: str) -> bool:
    """The attempt works on this one from now on; what was made before is kept before it."""
    return await _moved(
        conn,
        "update effects set made = array_append(array_remove(made, %(made)s), %(made)s)",
        fence.values() | {"made": made},
    )


async def confirm(
    conn: Connection,
    fence: Fence,
    *,
    result: str,
    vendor_reference: str | None,
    url: str | None,
    lands_until: datetime | None,
) -> bool:
    """It happened. `result` is JSON; `lands_until` is for unanswered requests of earlier
    attempts."""
    _require(Mover.NEWEST, fence.state, EffectState.CONFIRMED)
    return await _moved(
        conn,
        "update effects set state = 'confirmed', result = %(result)s::jsonb, "
        "vendor_reference = %(reference)s, url = %(url)s, error = null, confirmed_at = now(), "
        "lands_until = %(until)s",
        fence.values()
        | {"result": result, "reference": vendor_reference, "url": url, "until": lands_until},
    )


async def failed(
    conn: Connection,
    fence: Fence,
    after: EffectState,
    *,
    error: str,
    lands_until: datetime | None,
    answered: bool,
) -> bool:
    """The attempt, or the undo, has ended without success; `error` says why. Where all of its
    requests were `answered`, only those of attempts before it may still land, until
    `lands_until`."""
    if after is not fence.state:
        _require(Mover.NEWEST, fence.state, after)
    return await _moved(
        conn,
        "update effects set state = %(after)s, error = %(error)s, lands_until = "
        "case when %(answered)s then %(until)s else lands_until end",
        fence.values()
        | {
            "after": after.value,
            "error": error,
            "answered": answered,
            "until": lands_until,
        },
    )


async def compensate(
    conn: Connection,
    fence: Fence,
    *,
    result: str | None = None,
    reference: str | None = None,
    lands_until: datetime | None,
) -> bool:
    """It was taken back, or never happened and cannot happen any more. `result` is JSON."""
    _require(Mover.NEWEST, fence.state, EffectState.COMPENSATED)
    return await _moved(
        conn,
        "update effects set state = 'compensated', undo_reference = %(reference)s, "
        "undo_result = %(result)s::jsonb, error = null, compensated_at = now(), "
        "lands_until = %(until)s",
        fence.values() | {"reference": reference, "result": result, "until": lands_until},
    )


async def being_undone(conn: Connection, tenant: str, change_id: str) -> tuple[str, ...]:
    """Keys of the change's effects whose undo has begun and has not ended."""
    found = await conn.execute(
        "select key from effects where tenant = %s and change_id = %s and state = 'compensating' "
        "order by created_at, key",
        (tenant, change_id),
    )
    return tuple(row[0] for row in await found.fetchall())


async def close_by_hand(
    conn: Connection, key: str, known: Known, *, by: str, reference: str
) -> None:
    """A person has taken it back over there, in a way of theirs that nobody mends afterwards. The
    row has to be locked."""
    _require(Mover.PERSON, known.state, EffectState.COMPENSATED)
    await conn.execute(
        "update effects set state = 'compensated', attempt = attempt + 1, undo_reference = %s, "
        "closed_by = %s, error = null, compensated_at = now(), swept_at = now() where key = %s",
        (reference, by, key),
    )


async def evidence(conn: Connection, key: str, words: str) -> None:
    """What came of an attempt that had been overtaken, for people; it is looked for once more."""
    await conn.execute(
        "update effects set error = %s, swept_at = null, "
        "lands_until = coalesce(lands_until, clock_timestamp()) where key = %s",
        (words, key),
    )


async def in_doubt(conn: Connection, tenant: str, change_id: str) -> tuple[str, ...]:
    """Keys of its effects that have not said what they came to, and can no longer land."""
    found = await conn.execute(
        "select key from effects where tenant = %s and change_id = %s "
        "and state in ('attempting', 'uncertain') "
        "and (lands_until is null or lands_until < clock_timestamp()) order by created_at, key",
        (tenant, change_id),
    )
    return tuple(row[0] for row in await found.fetchall())


async def to_sweep(
    conn: Connection, tenant: str, *, systems: tuple[str, ...], limit: int
) -> list[Stray]:
    """Effects at rest of which an unanswered request can no longer land, by time; and those that
    nobody has made certain since, a good while later."""
    found = await conn.execute(
        "select key, step, place, state, coalesce(result ->> 'document_id', "
        "result ->> 'entry_id') from effects where tenant = %s "
        "and lands_until < clock_timestamp() and swept_at is null "
        "and (state in ('confirmed', 'compensated') "
        "or state = 'uncertain' and lands_until < clock_timestamp() - interval '1 hour') "
        "and system = any(%s) order by lands_until limit %s",
        (tenant, list(systems), limit),
    )
    return [
        Stray(key, step, place, EffectState(state), result_id)
        for key, step, place, state, result_id in await found.fetchall()
    ]


async def swept(conn: Connection, key: str, *, error: str | None = None) -> None:
    """It was looked once more; `error` says what was found and could not be taken back."""
    await conn.execute(
        "update effects set swept_at = clock_timestamp(), error = coalesce(%s, error) "
        "where key = %s and lands_until < clock_timestamp() "
        "and state in ('confirmed', 'compensated', 'uncertain')",
        (error, key),
    )


_SHOWN = select(
    EffectView,
    "effects",
    attempts="attempt",
    document="vendor_reference",
    undo_document="undo_reference",
)


async def of_change(conn: Connection, tenant: str, change_id: str) -> tuple[EffectView, ...]:
    """In the order in which they were first intended."""
    of = " where tenant = %s and change_id = %s order by created_at, key"
    return await fetch(conn, EffectView, _SHOWN + of, (tenant, change_id))


def _require(mover: Mover, before: EffectState, after: EffectState) -> None:
    if not may_move(mover, before, after):
        raise RuntimeError(f"an effect is never moved from {before} to {after} by {mover}")


async def _moved(conn: Connection, statement: str, values: Mapping[str, Any]) -> bool:
    return (await conn.execute((statement + _STILL).encode(), values)).rowcount > 0
