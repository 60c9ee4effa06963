"""The effect ledger: the protocol that makes every write to another system happen once.

    planned -> attempting -> confirmed | uncertain | rejected
    on undo:  compensating -> compensated | compensation_uncertain

A row says `attempting` before the call goes out. If the answer is lost, or the process dies, the
next attempt first probes the other system by our reference and adopts what it finds; only a proven
absence is written again. The key is a business object - billing's document, a movement of money -
or a change and its step, never a run: a workflow that is reset finds its own effects, and two sagas
that see one document post it once.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from canonical_models.base import Canonical
from canonical_models.failures import (
    ContractDrift,
    Failure,
    Rejection,
    RejectionCode,
    UncertainWrite,
)
from persistence import effects
from persistence.database import Database
from persistence.raw import Raw

Result = TypeVar("Result", bound=Canonical)
Anything = TypeVar("Anything")

_UNDONE = ("compensating", "compensated", "compensation_uncertain")


@dataclass(frozen=True)
class Effect(Generic[Result]):
    """One intended write. `probe` finds it in the other system, `write` makes it.

    `claimed`, `refused`, `confirmed` and `reversed` run in the transaction that moves the row, for
    what must be true together with it. `named` gives (reference that people search for, link).
    """

    key: str
    tenant: str
    change_id: str
    step: str
    system: str
    operation: str
    request: Canonical
    result: type[Result]
    probe: Callable[[], Awaitable[Result | None]]
    write: Callable[[], Awaitable[Result]]
    named: Callable[[Result], tuple[str | None, str | None]]
    claimed: Callable[[Raw], Awaitable[None]] | None = None
    refused: Callable[[Raw], Awaitable[None]] | None = None
    confirmed: Callable[[Raw, Result], Awaitable[None]] | None = None
    reversed: Callable[[Raw, Any], Awaitable[None]] | None = None
    #: Ours to write: all of it happens in the one transaction that confirms it.
    local: bool = False
    #: A set: another request under the same key replaces what was written before.
    replaces: bool = False

    @property
    def request_hash(self) -> str:
        return hashlib.sha256(self.request.model_dump_json().encode()).hexdigest()


async def written_again() -> None:
    """The probe of a write that may be repeated: it is made again instead of being looked up."""


def effect_key(change_id: str, step: str) -> str:
    return f"{change_id}/{step}"


class EffectLedger:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def perform(self, effect: Effect[Result]) -> Result:
        """The effect's result, whether it happened now, before, or in an attempt that was lost.

        Raises the adapter's Failure, or Rejection when the effect has been undone meanwhile.
        """
        state, stored = await self._attempt(effect)
        if stored is not None and state == "confirmed":
            return effect.result.model_validate_json(stored)
        # The write is never abandoned half way: whoever cancels waits for its answer, because an
        # undo that looks before the write lands would find nothing to undo.
        running = asyncio.create_task(self._write(effect, look_first=state != "planned"))
        return await finished(running)

    async def undo(
        self,
        effect: Effect[Result],
        take_back: Callable[[Result], Awaitable[Canonical | None]],
        *,
        left: Callable[[], Awaitable[Result | None]] | None = None,
    ) -> None:
        """Take the effect back if it happened. Afterwards it can no longer happen.

        `take_back` must be safe to repeat; it answers what the reversal is called over there.
        `left` finds what an attempt without an answer left behind, where that is more than
        `probe` would adopt.
        """
        state, stored = await self._withdraw(effect)
        if state == "compensated":
            return
        look = left or effect.probe
        happened = effect.result.model_validate_json(stored) if stored else await look()
        running = asyncio.create_task(self._take_back(effect, happened, take_back))
        await finished(running)

    async def _attempt(self, effect: Effect[Result]) -> tuple[str, str | None]:
        """(state before this attempt, stored result as JSON); the row now says `attempting`."""
        values = _values(effect)
        if effect.claimed is None and not effect.local:
            # Nothing else must be true together with it: one statement.
            async with self._database.statement() as raw:
                if await effects.first_attempt(raw, values):
                    return "planned", None
        async with self._database.work() as raw:
            if await effects.first_attempt(raw, values):
                before = "planned"
            else:
                before, stored, asked = await effects.locked(raw, values)
                if before in _UNDONE:
                    raise Rejection(
                        RejectionCode.DOCUMENT_CONFLICT,
                        f"{effect.operation} of change {effect.change_id} has been undone and "
                        "will not be done again: replay the change's event to start anew",
                        system=effect.system,
                        subject=effect.key,
                    )
                if before == "confirmed" and not (effect.replaces and asked != effect.request_hash):
                    return before, stored
                await effects.attempt(raw, effect.key, request_hash=effect.request_hash)
            if effect.local:
                result = await effect.write()
                await _confirm(raw, effect, result)
                return "confirmed", result.model_dump_json()
            if effect.claimed is not None:
                await effect.claimed(raw)
        return ("planned" if before == "rejected" else before), None

    async def _write(self, effect: Effect[Result], *, look_first: bool) -> Result:
        try:
            result = (await effect.probe() if look_first else None) or await effect.write()
        except Failure as failure:
            await self._failed(effect, failure, look_first=look_first)
            raise
        alone = effect.confirmed is None
        async with self._database.statement() if alone else self._database.work() as raw:
            await _confirm(raw, effect, result)
        return result

    async def _failed(self, effect: Effect[Result], failure: Failure, *, look_first: bool) -> None:
        match failure:
            case UncertainWrite() | ContractDrift():
                # An answer that cannot be read tells as little as none.
                state = "uncertain"
            case Rejection():
                state = "rejected"
            case _:
                # Nothing was sent now; what an earlier attempt did is as unknown as before.
                state = "uncertain" if look_first else "planned"
        async with self._database.work() as raw:
            if state == "rejected" and effect.refused is not None:
                await effect.refused(raw)
            await effects.move(raw, effect.key, state, error=failure.message[:2000])

    async def _withdraw(self, effect: Effect[Result]) -> tuple[str, str | None]:
        """(state, stored result as JSON); the row can no longer be attempted."""
        async with self._database.work() as raw:
            state, stored, _ = await effects.locked(raw, _values(effect))
            if state == "compensated":
                return state, None
            if state in ("planned", "rejected"):
                if effect.refused is not None:
                    await effect.refused(raw)
                await effects.compensate(raw, effect.key)
                return "compensated", None
            if state not in _UNDONE:
                await effects.move(raw, effect.key, "compensating")
            return "compensating", stored

    async def _take_back(
        self,
        effect: Effect[Result],
        happened: Result | None,
        take_back: Callable[[Result], Awaitable[Canonical | None]],
    ) -> None:
        try:
            reversal = await take_back(happened) if happened is not None else None
        except Failure as failure:
            state = (
                "compensation_uncertain"
                if isinstance(failure, UncertainWrite | ContractDrift)
                else "compensating"
            )
            async with self._database.statement() as raw:
                await effects.move(raw, effect.key, state, error=failure.message[:2000])
            raise
        async with self._database.work() as raw:
            if happened is None:
                if effect.refused is not None:
                    await effect.refused(raw)
            elif effect.reversed is not None:
                await effect.reversed(raw, reversal)
            await effects.compensate(
                raw,
                effect.key,
                result=reversal.model_dump_json() if reversal else None,
                reference=_reference(effect, reversal),
            )


async def _confirm(raw: Raw, effect: Effect[Result], result: Result) -> None:
    if effect.confirmed is not None:
        await effect.confirmed(raw, result)
    document, url = effect.named(result)
    await effects.confirm(
        raw, effect.key, result=result.model_dump_json(), vendor_reference=document, url=url
    )


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


def _values(effect: Effect[Result]) -> dict[str, Any]:
    return {
        "key": effect.key,
        "tenant": effect.tenant,
        "change_id": effect.change_id,
        "step": effect.step,
        "system": effect.system,
        "operation": effect.operation,
        "request_hash": effect.request_hash,
    }


def _reference(effect: Effect[Result], reversal: Canonical | None) -> str | None:
    return effect.named(reversal)[0] if isinstance(reversal, effect.result) else None
