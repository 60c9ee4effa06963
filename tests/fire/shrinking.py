"""The shortest story that still ends badly: fewer lives, then fewer blows, then fewer deeds.

The story is the same each time, the machine is not: which request a kill meets depends on both. So
what does not end badly again may still be a cause, and what is printed says what was tried.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.fire.story import LifePlan, Story
from tests.fire.story_run import Say, Told

Again = Callable[[Story], Told]
Part = TypeVar("Part")


def shortest(told: Told, again: Again, say: Say, *, runs: int) -> list[str]:
    """What remained, line by line, after at most so many runs."""
    search = _Search(told, again, say, runs)
    search.fewer_lives()
    search.fewer_blows()
    search.fewer_deeds()
    return search.told()


class _Search:
    def __init__(self, told: Told, again: Again, say: Say, runs: int) -> None:
        self._best, self._again, self._say, self._left = told, again, say, runs
        self._ran = self._bad = 0

    @property
    def _story(self) -> Story:
        return self._best.story

    def fewer_lives(self) -> None:
        """Those that the violations name, alone; else halves."""
        named = {one.customer for one in self._best.violations if one.customer}
        mine = [self._best.lived[one] for one in named if one in self._best.lived]
        if mine and len(mine) < len(self._story.lives):
            self._tried(self._story.only(lives=tuple(mine)))
        self._halved(lambda: self._story.lives, lambda kept: self._story.only(lives=kept))

    def fewer_blows(self) -> None:
        if self._story.blows:
            self._tried(self._story.only(blows=()))
        self._halved(lambda: self._story.blows, lambda kept: self._story.only(blows=kept))

    def fewer_deeds(self) -> None:
        """From the end of each life, for what comes later needs what was before."""
        for place, life in enumerate(self._story.lives):
            while len(self._story.lives[place].deeds) > 1 and self._tried(
                self._story.only(lives=_shortened(self._story.lives, place))
            ):
                pass
            if self._left <= 0:
                return
            del life

    def _halved(
        self,
        parts: Callable[[], Sequence[Part]],
        made: Callable[[tuple[Part, ...]], Story],
    ) -> None:
        """Without ever smaller parts of it, as long as that ends badly."""
        pieces = 2
        while self._left > 0 and len(parts()) > 1:
            kept = next((k for k in _without(parts(), pieces) if self._tried(made(k))), None)
            if kept is not None:
                pieces = max(2, pieces - 1)
            elif pieces >= len(parts()):
                return
            else:
                pieces = min(len(parts()), 2 * pieces)

    def _tried(self, story: Story) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        self._ran += 1
        found = self._again(story)
        bad = bool(found.violations)
        self._bad += bad
        self._say(
            f"again with {len(story.lives)} lives, {story.deeds} deeds, {len(story.blows)} blows: "
            f"{len(found.violations)} violations"
        )
        if bad:
            self._best = found
        return bad

    def told(self) -> list[str]:
        story = self._story
        size = f"{len(story.lives)} lives, {story.deeds} deeds, {len(story.blows)} blows"
        head = f"the shortest story of seed {story.seed} that ended badly: {size}"
        runs = f"  looked for in {self._ran} more runs, of which {self._bad} ended badly"
        lines = [head, runs, *(f"  {blow}" for blow in story.blows[:40])]
        if len(story.blows) > 40:
            lines.append(f"  and {len(story.blows) - 40} more blows")
        named = {one.customer for one in self._best.violations if one.customer}
        for customer, plan in self._best.lived.items():
            if customer in named or len(story.lives) <= 3:
                happened = "; ".join(self._best.happened.get(customer, []))
                lines.append(f"  life {plan.seed} of {customer}, deeds {plan.deeds}: {happened}")
        lines += [f"  {violation}" for violation in self._best.violations[:20]]
        if self._bad == 0:
            lines.append("  (no shorter story ended badly: it takes the whole of it, or luck)")
        return lines


def _without(parts: Sequence[Part], pieces: int) -> Iterator[tuple[Part, ...]]:
    """All but one of so many pieces."""
    size = -(-len(parts) // pieces)
    for start in range(0, len(parts), size):
        yield (*parts[:start], *parts[start + size :])


def _shortened(lives: tuple[LifePlan, ...], place: int) -> tuple[LifePlan, ...]:
    life = replace(lives[place], deeds=lives[place].deeds[:-1])
    return (*lives[:place], life, *lives[place + 1 :])
