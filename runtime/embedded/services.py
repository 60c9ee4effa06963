"""Our own two processes: the worker and the API, as children that are started again."""

import asyncio
import sys
from pathlib import Path

from runtime.embedded.progress import Report, Step
from runtime.processes import Child, ChildFailed, Folders, Program

#: Seconds before a service that ended is started again; each time twice as long.
FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
#: A service that has lived this long was well: the next pause is the first again.
WELL_SECONDS = 60.0

SERVICES = ("worker", "api")


def program(name: str, config: Path) -> Program:
    """`trueup worker` or `trueup api` on a settings file."""
    return Program(
        name=name,
        argv=(sys.executable, "-m", "cli", "--config", str(config), name, "--exit-with-stdin"),
        stdin=True,
        # The worker lets writes that are under way get their answer, for up to 30 s.
        stop_seconds=40,
    )


async def start_again(
    what: Program, folders: Folders, report: Report, *, pause: float
) -> tuple[Child, float]:
    """A new child for one that ended, after a pause that doubles; and the next pause."""
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
        try:
            return await Child.start(what, folders), pause
        except ChildFailed as fault:
            report(Step(what.name, "again", str(fault).splitlines()[0]))
