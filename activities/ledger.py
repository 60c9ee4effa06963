"""The effect ledger: the protocol that makes every write to another system happen once.

The states and who may move them are in canonical_models/effects.py. A row says `attempting` before
the call goes out, with the time until which a request may still be carried out. If the answer is
lost, or the process dies, the next attempt first probes the other system by our reference and
adopts what it finds; only an absence that can be believed is written again:

- a vendor that tells repetitions apart, or has draft and final, is asked again at once: of drafts
  only the one that the row names is made final (connectors/attempts.py);
- a vendor with one request and no key of its own (`once`) only when nothing can land any more;
- of a set, one write is under way: one that says something else, or that would make another
  (`once`), waits until nothing that was never answered can land on it.

Every attempt, and every undo, counts the row's `attempt` up, and every update is a compare-and-set
on it: who was overtaken writes nothing more, and takes back what it has made. The key is a business
object - billing's document, a movement of money - or a change and its step, never a run: a workflow
that is reset finds its own effects, and two sagas that see one document post it once. No connection
and no lock is held while another system is asked.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from activities.effect import Effect, Result, digest, later
from activities.fenced import Fenced, nothing_of
from activities.told import told
from canonical_models.base import Canonical
from canonical_models.effects import UNDONE, EffectState
from canonical_models.failures import (
    ContractDrift,
    Failure,
    Rejection,
    RejectionCode,
    UncertainWrite,
)
from connectors.attempts import Alone, Attempt, begins_within
from connectors.failpoints import Phase, reached
from persistence import effects, ownership
from persistence.connection import Connection
from persistence.database import Database
from persistence.ownership import Owner

Anything = TypeVar("Anything")

_UNANSWERED = (UncertainWrite, ContractDrift)
_UNFINISHED = (EffectState.ATTEMPTING, EffectState.UNCERTAIN)
_MOST_WORDS = 2000


class EffectLedger:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def perform(self, effect: Effect[Result]) -> Result:
        """The effect's result, whether it happened now, before, or in an attempt that was lost.

        Raises the adapter's Failure; MayStillLand while an earlier request may still be carried
        out, or while another saga is at it; Overtaken where the change is no longer this run's;
        Rejection when the effect has been undone meanwhile.
        """
        with told(effect) as outcome:
            attempt = await self._begin(effect)
            if not isinstance(attempt, Fenced):
                if effect.local:
                    await _at(effect, "committed")
                return outcome.stands(attempt)
            # The write is never abandoned half way: whoever cancels waits for its answer, because
            # an undo that looks before the write lands would find nothing to undo.
            running = asyncio.create_task(self._write(effect, attempt))
            return outcome.stands(await finished(running))

    async def unfinished(self, effect: Effect[Result]) -> bool:
        """Whether an attempt of it is at work, or has ended without saying what it came to."""
        async with self._database.statement() as conn:
            known = await effects.get(conn, effect.key)
        return known is not None and known.state in _UNFINISHED

    async def undo(
        self,
        effect: Effect[Result],
        take_back: Callable[[Result, Attempt], Awaitable[Canonical | None]],
        *,
        left: Callable[[], Awaitable[tuple[Result, ...]]] | None = None,
    ) -> None:
        """Take the effect back if it happened. Afterwards it can no longer happen.

        `take_back` must be safe to repeat; it answers what the reversal is called over there.
        `left` finds all that we have made over there under the effect, drafts included; by default
        it is what the row knows, or else what `probe` finds. Of a set the effect says what is to be
        shown instead, and `take_back` writes it. Raises as `perform` does.
        """
        with told(effect, undo=True):
            begun = await self._withdraw(effect)
            if begun is not None:
                taking_back = self._take_back(effect, *begun, take_back, left)
                await finished(asyncio.create_task(taking_back))

    async def end_doubt(self, effect: Effect[Result]) -> None:
        """Say what an attempt has come to that never said so itself: `probe` tells whether it
        stands over there, and nothing is written. What is not in doubt is left. Raises as
        `perform` does, MayStillLand as long as nobody can tell."""
        if not await self.unfinished(effect):
            return
        granted = time.monotonic()
        async with self._database.transaction() as conn:
            await _owned(conn, effect)
            known = await effects.locked(conn, effect.values)
            if known.state not in _UNFINISHED:
                return
            if known.lands_in:
                raise later(effect, "may still be carried out", known.lands_in)
            fence = await effects.begin(conn, effect.values, known)
            attempt = Fenced(self._database, effect, fence, known, granted=granted)
        try:
            result = await effect.probe()
        except Failure as failure:
            await self._failed(effect, attempt, EffectState.UNCERTAIN, failure, sent=False)
            raise
        async with self._database.transaction() as conn:
            if result is not None:
                await _confirm(conn, effect, attempt, result)
                return
            await effects.failed(
                conn,
                fence,
                EffectState.PLANNED,
                error=f"given up; it was looked for in the {effect.system}, and is not there",
                lands_until=None,
                answered=True,
            )

    async def close_by_hand(self, effect: Effect[Result], *, by: str, reference: str) -> bool:
        """A person has taken it back over there, as `reference` says: what hangs on the effect is
        free again. False where it is closed already."""
        async with self._database.transaction() as conn:
            known = await effects.locked(conn, effect.values)
            if known.state is EffectState.COMPENSATED:
                return False
            await effects.close_by_hand(conn, effect.key, known, by=by, reference=reference)
            if effect.reversed is not None:
                await effect.reversed(conn, None)
            return True

    async def _begin(self, effect: Effect[Result]) -> "Result | Fenced":
        """The result where it stands already, else an attempt."""
        values, granted = effect.values, time.monotonic()
        first = effects.Fence(effect.key, 1, EffectState.ATTEMPTING)
        if effect.alone:
            # One statement; if it does not go, the long way tells why.
            async with self._database.statement() as conn:
                if await effects.first_attempt(conn, values, owner=effect.owner):
                    return Fenced(self._database, effect, first, granted=granted)
        elif effect.local and effect.owner is not None:
            with contextlib.suppress(_Begun):
                return await self._done_at_once(effect, effect.owner)
        async with self._database.transaction() as conn:
            await _owned(conn, effect)
            values["request_hash"] = await _asked(conn, effect)
            before, other, made = None, None, False
            if effect.writes_set is not None:
                made, other = await effects.first_of_set(conn, values)
            elif not effect.local:
                made = await effects.first_attempt(conn, values)
            if not made:
                before = await effects.locked(conn, values)
                if (done := _done(effect, before, values["request_hash"])) is not None:
                    return done
                _wait_for_others(effect, before)
            _wait_for_set(effect, other)
            fence = first if before is None else await effects.begin(conn, values, before)
            attempt = Fenced(self._database, effect, fence, before, granted=granted)
            if effect.local:
                result = await effect.write(Alone())
                await _at(effect, "answered")
                await _confirm(conn, effect, attempt, result)
                return result
            if effect.claimed is not None:
                await effect.claimed(conn)
        return attempt

    async def _done_at_once(self, effect: Effect[Result], owner: Owner) -> Result:
        """Ours to write, for the first time: what is done and what the row says are one statement
        after the other. Raises _Begun where there is a row, or the change is another's, and nothing
        is written then: the long way tells which."""
        async with self._database.transaction() as conn:
            await _at(effect, "before")
            result = await effect.write(Alone())
            await _at(effect, "answered")
            document, url = effect.named(result)
            if not await effects.first_confirmed(
                conn,
                effect.values,
                owner=owner,
                result=result.model_dump_json(),
                vendor_reference=document,
                url=url,
            ):
                raise _Begun
            if effect.confirmed is not None:
                await effect.confirmed(conn, result)
            return result

    async def _write(self, effect: Effect[Result], attempt: "Fenced") -> Result:
        before, writing = attempt.before, False
        # Whether an absence is one: nothing of an earlier attempt can land any more.
        certain = before is None or not before.lands_in
        try:
            result = await effect.probe() if attempt.looks else None
            if result is None:
                if effect.once and before is not None and before.lands_in:
                    raise later(effect, "may still be carried out", before.lands_in)
                if before is not None:
                    await attempt.held()
                await _at(effect, "before")
                writing = True
                with _in_time(effect, attempt):
                    result = await effect.write(attempt)
        except Failure as failure:
            match failure:
                case UncertainWrite() | ContractDrift() if writing:
                    # An answer that cannot be read tells as little as none.
                    after = EffectState.UNCERTAIN
                case Rejection() if writing and certain and not attempt.made:
                    after = EffectState.REJECTED
                case _ if attempt.looks or attempt.made:
                    # A look-up, or a repetition, was refused: that says nothing about what an
                    # earlier attempt did, or this one left.
                    after = EffectState.UNCERTAIN
                case _:
                    after = EffectState.PLANNED
            await self._failed(effect, attempt, after, failure, sent=writing)
            raise
        await _at(effect, "answered")
        alone = effect.confirmed is None
        async with self._database.statement() if alone else self._database.transaction() as conn:
            confirmed = await _confirm(conn, effect, attempt, result)
        await _at(effect, "committed")
        return result if confirmed else await self._late(effect, result)

    async def _failed(
        self,
        effect: Effect[Result],
        attempt: "Fenced",
        after: EffectState,
        failure: Failure,
        *,
        sent: bool,
    ) -> None:
        async with self._database.transaction() as conn:
            moved = await effects.failed(
                conn,
                attempt.fence,
                after,
                error=failure.message[:_MOST_WORDS],
                lands_until=attempt.lands_before,
                answered=not (sent and isinstance(failure, _UNANSWERED)),
            )
            if moved and after is EffectState.REJECTED and effect.refused is not None:
                await effect.refused(conn)

    async def _late(self, effect: Effect[Result], result: Result) -> Result:
        """The answer came after another attempt, or an undo, had begun. Never a silent overwrite:
        it confirms what nobody has confirmed yet, is what was confirmed, or is taken back."""
        async with self._database.transaction() as conn:
            known = await effects.locked(conn, effect.values)
            if known.state not in (*UNDONE, EffectState.CONFIRMED):
                fence = await effects.begin(conn, effect.values, known)
                anew = Fenced(self._database, effect, fence, known, granted=time.monotonic())
                await _confirm(conn, effect, anew, result)
                return result
            if effect.writes_set is not None:
                # What is written next has waited for this one, and replaces it.
                return result
            stands = _parsed(effect, known) if known.state is EffectState.CONFIRMED else None
            if stands is not None and effect.same(stands, result):
                return stands
            document = effect.named(result)[0]
            end = (
                "look there for what is too many, and take it back by hand"
                if effect.stray is None
                else "it is taken back"
            )
            words = (
                f"{effect.operation} was answered late: {document} stands in the {effect.system}, "
                f"and the ledger says {known.state}: {end}"
            )
            await effects.evidence(conn, effect.key, words)
        if effect.stray is not None:
            await effect.stray(result)
            if stands is not None:
                return stands
            raise _undone(effect)
        raise Rejection(
            RejectionCode.DOCUMENT_CONFLICT,
            words,
            system=effect.system,
            subject=effect.key,
        )

    async def _withdraw(self, effect: Effect[Result]) -> "tuple[Fenced, effects.Known] | None":
        """The undo's fence and the row as it was; None where there is nothing to take back."""
        granted = time.monotonic()
        async with self._database.transaction() as conn:
            await _owned(conn, effect)
            known = await effects.locked(conn, effect.values)
            if known.state is EffectState.COMPENSATED:
                return None
            request_hash = known.request_hash
            if effect.writes_set is not None and not nothing_of(known):
                request_hash = await _asked(conn, effect)
                values = effect.values | {"request_hash": request_hash}
                other = await effects.other_of_set(conn, values)
                _wait_for_set(effect, other)
            fence = await effects.undo(conn, effect.key, known, request_hash=request_hash)
            attempt = Fenced(self._database, effect, fence, known, granted=granted)
            if not nothing_of(known):
                return attempt, known
            if effect.refused is not None:
                await effect.refused(conn)
            await effects.compensate(conn, fence, lands_until=None)
            return None

    async def _take_back(
        self,
        effect: Effect[Result],
        attempt: "Fenced",
        known: effects.Known,
        take_back: Callable[[Result, Attempt], Awaitable[Canonical | None]],
        left: Callable[[], Awaitable[tuple[Result, ...]]] | None,
    ) -> None:
        reversal: Canonical | None = None
        try:
            happened = await _all_of(effect, known, left)
            if not happened and effect.once and known.lands_in:
                raise later(effect, "may still be carried out", known.lands_in)
            for each in happened:
                await attempt.held()
                await _at(effect, "before", undo=True)
                # What is told of it is the reversal of the first, which the row knows.
                with _in_time(effect, attempt):
                    made = await take_back(each, attempt)
                reversal = reversal or made
                await _at(effect, "answered", undo=True)
        except Failure as failure:
            await self._failed(effect, attempt, EffectState.COMPENSATING, failure, sent=True)
            raise
        async with self._database.transaction() as conn:
            done = await effects.compensate(
                conn,
                attempt.fence,
                result=reversal.model_dump_json() if reversal else None,
                reference=_reference(effect, reversal),
                lands_until=attempt.lands_before,
            )
            if not done:
                # Another undo has begun since, and says what it came to.
                raise later(effect, "is being undone by another run", 1)
            if not happened and effect.refused is not None:
                await effect.refused(conn)
            elif happened and effect.reversed is not None:
                await effect.reversed(conn, reversal)
        await _at(effect, "committed", undo=True)


class _Begun(Exception):
    """There is a row of the effect already."""


def _done(effect: Effect[Result], known: effects.Known, request_hash: str) -> Result | None:
    """The result, where there is nothing to do. Raises Rejection for what was undone."""
    if known.state in UNDONE:
        raise _undone(effect)
    if known.state is not EffectState.CONFIRMED:
        return None
    if effect.replaces and known.request_hash != request_hash:
        return None
    return _parsed(effect, known)


def _wait_for_others(effect: Effect[Result], known: effects.Known) -> None:
    """Raises MayStillLand while another saga is at it, whose result is adopted then."""
    other = known.change_id != effect.change_id
    if other and known.state is EffectState.ATTEMPTING and known.lands_in:
        raise later(effect, f"is under way for change {known.change_id}", min(2, known.lands_in))


async def _owned(conn: Connection, effect: Effect[Any]) -> None:
    """The run owns its change, and the set is ours, until the commit."""
    if effect.owner is not None:
        await ownership.require(conn, effect.owner, locks=effects.set_lock(effect.writes_set))
    elif effect.writes_set is not None:
        await effects.lock_set(conn, effect.writes_set)


async def _asked(conn: Connection, effect: Effect[Any]) -> str:
    """What is to be written, as a digest."""
    return digest(effect.request if effect.asked is None else await effect.asked(conn))


def _wait_for_set(effect: Effect[Result], other: tuple[float, bool] | None) -> None:
    if other is not None:
        lands_in, at_work = other
        raise later(
            effect,
            f"waits: another write of {effect.writes_set} may still be carried out",
            min(1, lands_in) if at_work else lands_in,
        )


async def _all_of(
    effect: Effect[Result],
    known: effects.Known,
    left: Callable[[], Awaitable[tuple[Result, ...]]] | None,
) -> tuple[Result, ...]:
    """What stands over there, the one that the row knows first."""
    stored = _parsed(effect, known)
    if left is None:
        found = stored or await effect.probe()
        return () if found is None else (found,)
    others = await left()
    if stored is None:
        return others
    return (stored, *(each for each in others if not effect.same(each, stored)))


def _in_time(effect: Effect[Any], attempt: Fenced) -> contextlib.AbstractContextManager[None]:
    """Where the vendor cannot tell who is late, what stood still in between is not sent."""
    if effect.once or (effect.writes_set is not None and not effect.local):
        return begins_within(effect.lands_within / 4, since=attempt.granted)
    return contextlib.nullcontext()


async def _confirm(
    conn: Connection, effect: Effect[Result], attempt: Fenced, result: Result
) -> bool:
    """False where the attempt was overtaken: nothing is written then."""
    document, url = effect.named(result)
    confirmed = await effects.confirm(
        conn,
        attempt.fence,
        result=result.model_dump_json(),
        vendor_reference=document,
        url=url,
        lands_until=attempt.lands_before,
    )
    if confirmed and effect.confirmed is not None:
        await effect.confirmed(conn, result)
    return confirmed


def _parsed(effect: Effect[Result], known: effects.Known) -> Result | None:
    return effect.result.model_validate_json(known.result) if known.result else None


def _undone(effect: Effect[Any]) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_CONFLICT,
        f"{effect.operation} of change {effect.change_id} has been undone and will not be done "
        "again: replay the change's event to start anew",
        system=effect.system,
        subject=effect.key,
    )


def _reference(effect: Effect[Result], reversal: Canonical | None) -> str | None:
    return effect.named(reversal)[0] if isinstance(reversal, effect.result) else None


async def _at(effect: Effect[Any], phase: Phase, *, undo: bool = False) -> None:
    await reached(f"{effect.operation}.undo" if undo else effect.operation, phase, effect.words)


async def finished(running: asyncio.Task[Anything]) -> Anything:
    """The task's result; a cancellation meanwhile takes effect once it has one."""
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError as request:
            cancelled = request
        except Failure:
            break
    if cancelled is not None:
        running.exception()  # its failure is in the ledger; the cancellation is what is answered
        raise cancelled
    return running.result()
