"""What a campaign is going to do, drawn from a seed before anything is begun.

Everything is placed by how much of all deeds has been done, not by the clock, so that a story can
be told again, and again with less of it.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from tests.fire.stack import PARTS, SERVICES

What = Literal["kill", "stop", "fault", "operator"]

#: How many blows there are of each kind for one kill.
_FAULTS, _STOPS, _OPERATORS = 1.2, 0.12, 0.15
_VENDORS = ("stripe", "tryton", "tryton", "zendesk", "app")
_FAULT_KINDS = (
    "lost before",
    "lost after",
    "429",
    "500",
    "gateway 503",
    "gateway 404",
    "slow",
    "reset",
    "refused",
)
_ACTS = ("terminate", "reset", "cancel")
#: What may be stopped for longer than its heartbeat, and goes on afterwards.
_STOPPABLE = (*SERVICES, "postgres", "temporal")


@dataclass(frozen=True)
class LifePlan:
    """`deeds` are the numbers of those that are done: what each is depends on its number alone."""

    seed: int
    deeds: tuple[int, ...]


@dataclass(frozen=True)
class Blow:
    """Falls when the share `at` of all deeds is done: a part by its name, or a kind of fault before
    a vendor, or an act of an operator on whatever runs then. `dice` decides the rest."""

    at: float
    what: What
    on: str
    how: str
    dice: int

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.what} {self.on} {self.how}".rstrip()


@dataclass(frozen=True)
class Story:
    seed: int
    lives: tuple[LifePlan, ...]
    blows: tuple[Blow, ...]

    @property
    def deeds(self) -> int:
        return sum(len(life.deeds) for life in self.lives)

    def only(
        self,
        *,
        lives: tuple[LifePlan, ...] | None = None,
        blows: tuple[Blow, ...] | None = None,
    ) -> "Story":
        return replace(
            self,
            lives=self.lives if lives is None else lives,
            blows=self.blows if blows is None else blows,
        )


def written(seed: int, lives: int, kills: int, *, deeds: int = 4) -> Story:
    """Of at most so many deeds a life. Kills go round all parts, so that none is left out."""
    random = Random(seed)
    plans = tuple(
        LifePlan(seed * 100_000 + number, tuple(range(random.randint(1, deeds))))
        for number in range(lives)
    )
    blows: list[Blow] = []

    def fall(what: What, on: str, how: str = "") -> None:
        blows.append(Blow(random.random(), what, on, how, random.getrandbits(32)))

    for number in range(kills):
        fall("kill", PARTS[number % len(PARTS)])
    for number in range(round(kills * _FAULTS)):
        fall("fault", random.choice(_VENDORS), _FAULT_KINDS[number % len(_FAULT_KINDS)])
    for number in range(round(kills * _STOPS)):
        fall("stop", _STOPPABLE[number % len(_STOPPABLE)])
    for number in range(round(kills * _OPERATORS)):
        fall("operator", "a saga", _ACTS[number % len(_ACTS)])
    return Story(seed, plans, tuple(sorted(blows, key=lambda blow: blow.at)))
