"""The fence of an attempt: it goes on as long as its row says that nobody came after it."""

import time
from typing import Any

from activities.effect import Effect, later
from canonical_models.effects import EffectState
from persistence import effects
from persistence.database import Database

_UNTOUCHED = (EffectState.PLANNED, EffectState.REJECTED)


class Fenced:
    """The newest attempt at an effect, or its undo, as long as the row says so."""

    def __init__(
        self,
        database: Database,
        effect: Effect[Any],
        fence: effects.Fence,
        before: effects.Known | None = None,
        *,
        granted: float,
    ) -> None:
        self._database, self._effect, self.fence = database, effect, fence
        #: The row as it was; None where there was none.
        self.before = before
        self._made = before.made if before else ()
        #: When it was granted at the latest (monotonic): no request of it lands later than that and
        #: what the row says.
        self.granted = granted
        #: Until when a request of an attempt before this one may still land.
        self.lands_before = before.lands_until if before else None

    @property
    def looks(self) -> bool:
        """Whether something of an earlier attempt may be there."""
        return self.before is not None and not nothing_of(self.before)

    @property
    def made(self) -> tuple[str, ...]:
        return self._made

    async def held(self) -> None:
        granted = time.monotonic()
        async with self._database.statement() as conn:
            held = await effects.hold(conn, self.fence, window=self._effect.lands_within)
        self._require(held)
        self.granted = granted

    async def making(self, made: str) -> None:
        async with self._database.statement() as conn:
            held = await effects.add_made(conn, self.fence, made)
        self._require(held)
        self._made = (*(known for known in self._made if known != made), made)

    def _require(self, held: bool) -> None:
        if not held:
            raise later(self._effect, "is carried out, or undone, by another attempt since", 1)


def nothing_of(known: effects.Known) -> bool:
    """Whether nothing of the effect can be over there."""
    return known.state in _UNTOUCHED and not known.made and known.lands_in is None
