"""`python -m tests.fire.campaign --seed 1 --lives 20 --kills 10`: many lives while processes die
and vendors fail, and then what all systems hold.

Prints what was done, and every violation with the shortest story that was found for it. Exit code 1
where there is one.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Coroutine

from rich.console import Console

from tests.fire.figures import Figures
from tests.fire.shrinking import shortest
from tests.fire.story import Story, written
from tests.fire.story_run import Say, Told, tell


def main() -> int:
    given = _arguments()
    console = Console(width=150, soft_wrap=True)
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - began:6.0f} s] {text}", highlight=False, markup=False)

    story = written(given.seed, given.lives, given.kills, deeds=given.deeds)
    say(
        f"seed {story.seed}: {len(story.lives)} lives of {story.deeds} deeds, "
        f"{len(story.blows)} blows, {given.at_once} lives at once"
    )
    figures = Figures()
    told = _run(tell(story, figures, say, at_once=given.at_once))
    figures.show(console)
    for violation in told.violations:
        say(f"VIOLATION {violation}")
    for line in told.evidence:
        say(line)
    if told.violations:
        for line in _found_again(told, say, given.at_once, given.shrink):
            say(line)
    say(f"{len(told.violations)} violations with seed {story.seed}")
    return 1 if told.violations else 0


def _found_again(told: Told, say: Say, at_once: int, runs: int) -> list[str]:
    def again(story: Story) -> Told:
        return _run(tell(story, Figures(), lambda _: None, at_once=at_once))

    return shortest(told, again, say, runs=runs)


def _run(telling: Coroutine[None, None, Told]) -> Told:
    """Told to stop, it ends all that it has started."""

    async def heeding() -> Told:
        mine = asyncio.current_task()
        assert mine is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, mine.cancel)
        return await telling

    return asyncio.run(heeding())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fire.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lives", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--deeds", type=int, default=3, help="most deeds of a life")
    parser.add_argument("--at-once", type=int, default=8, help="lives that go on at a time")
    parser.add_argument("--shrink", type=int, default=8, help="most runs for the shortest story")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
