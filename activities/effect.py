"""One intended write to another system, as the ledger carries it out (activities/ledger.py)."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from canonical_models.base import Canonical
from canonical_models.failures import MayStillLand
from connectors.attempts import LANDS_WITHIN, Attempt
from persistence.connection import Connection
from persistence.ownership import Owner

Result = TypeVar("Result", bound=Canonical)


@dataclass(frozen=True)
class Effect(Generic[Result]):
    """`probe` finds it in the other system, `write` makes it.

    `asked`, `claimed`, `refused`, `confirmed` and `reversed` run in the transaction that moves the
    row, for what must be true together with it. `named` gives (reference that people search for,
    link).
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
    write: Callable[[Attempt], Awaitable[Result]]
    named: Callable[[Result], tuple[str | None, str | None]]
    #: The run of a change that this is done for; None where no change is.
    owner: Owner | None = None
    claimed: Callable[[Connection], Awaitable[None]] | None = None
    refused: Callable[[Connection], Awaitable[None]] | None = None
    confirmed: Callable[[Connection, Result], Awaitable[None]] | None = None
    reversed: Callable[[Connection, Any], Awaitable[None]] | None = None
    #: Takes back what an attempt has made that was overtaken; without, a person is asked.
    stray: Callable[[Result], Awaitable[object]] | None = None
    #: Ours to write: all of it happens in the one transaction that confirms it.
    local: bool = False
    #: Another request under the same key replaces what was written before.
    replaces: bool = False
    #: The vendor has one request for it and no key of its own, so that only time tells an absence;
    #: of a set, that the same once more makes another.
    once: bool = False
    #: The legal entity in whose books it is.
    place: str | None = None
    #: The set that it writes as a whole: one write of it is under way at a time.
    writes_set: str | None = None
    #: What the set says, where it has to be read in the transaction that begins the write.
    asked: Callable[[Connection], Awaitable[Canonical]] | None = None
    #: Seconds after which a request can no longer be carried out: the connection's setting.
    lands_within: float = LANDS_WITHIN

    @property
    def alone(self) -> bool:
        """Whether nothing but its owner has to be true together with the beginning of an
        attempt."""
        joined = (self.claimed, self.asked, self.writes_set)
        return not self.local and all(each is None for each in joined)

    def same(self, one: Result, other: Result) -> bool:
        """Whether both are one object over there."""
        return self.named(one) == self.named(other)

    def words(self) -> str:
        """All that tells it from others, for failpoints."""
        return f"{self.key} {self.writes_set} {self.request.model_dump_json()}"

    @property
    def values(self) -> dict[str, Any]:
        """Of its row, when an attempt begins."""
        return {
            "key": self.key,
            "tenant": self.tenant,
            "change_id": self.change_id,
            "step": self.step,
            "system": self.system,
            "operation": self.operation,
            "request_hash": digest(self.request),
            "place": self.place,
            "writes_set": self.writes_set,
            "window": self.lands_within,
            "once": self.once,
        }


def digest(request: Canonical) -> str:
    return hashlib.sha256(request.model_dump_json().encode()).hexdigest()


def later(effect: Effect[Any], why: str, seconds: float) -> MayStillLand:
    """Tried again when more can be said; nobody is asked."""
    return MayStillLand(
        f"{effect.operation} ({effect.key}) {why}: it is tried again in {seconds:.0f} s",
        system=effect.system,
        retry_after=seconds,
    )


async def not_looked_up() -> None:
    """The probe of a write that may be repeated, or is ours: it is made again instead."""


def effect_key(change_id: str, step: str) -> str:
    return f"{change_id}/{step}"
