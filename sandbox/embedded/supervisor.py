"""Keeps the parts of a stack up: one that ends is started again, a bounded number of times."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any

from runtime.logging import scrub
from runtime.processes import Child, ChildFailed, Folders, tail
from sandbox.embedded.facts import Ended
from sandbox.embedded.progress import Report, State, Step

#: Seconds before each restart within the window; one more end than this has, and it is given up.
PAUSES = (0.5, 1.0, 2.0, 5.0, 15.0)
#: Ends longer ago than this do not count any more.
WINDOW_SECONDS = 600.0
_TAIL_BYTES = 1500


class Patience:
    """How often one part may end. A start that fails counts as an end."""

    def __init__(self, pauses: Sequence[float] = PAUSES, window: float = WINDOW_SECONDS) -> None:
        self._pauses, self._window = pauses, window
        self._ends: deque[float] = deque()

    def ended(self, now: float) -> float | None:
        """Seconds until it is started again; None when it is given up. `now` is monotonic."""
        self._ends.append(now)
        while self._ends[0] <= now - self._window:
            self._ends.popleft()
        return self._pauses[len(self._ends) - 1] if len(self._ends) <= len(self._pauses) else None


class Supervisor:
    """Of the `children` by name; one that was started again takes the place of the old one there.

    `needs` says which parts have to be up before a part is started again. `changed` is called with
    every end and every restart.
    """

    def __init__(
        self,
        children: MutableMapping[str, Child],
        folders: Folders,
        report: Report,
        *,
        needs: Mapping[str, Collection[str]],
        changed: Callable[[Mapping[str, Ended]], None],
        patience: Callable[[], Patience] = Patience,
    ) -> None:
        self._children, self._folders, self._report = children, folders, report
        self._needs, self._changed, self._patience = needs, changed, patience
        self._ended: dict[str, Ended] = {}
        self._up = {name: asyncio.Event() for name in children}
        for event in self._up.values():
            event.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. What is being started then is ended; the children are the caller's."""
        keeping = [asyncio.create_task(self._keep(name)) for name in self._up]
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        waited: set[asyncio.Task[Any]] = set(keeping)
        try:
            while not stopping.done():
                done, _ = await asyncio.wait(
                    {stopping, *waited}, return_when=asyncio.FIRST_COMPLETED
                )
                for task in waited & done:
                    task.result()
                waited -= done
        finally:
            for task in (stopping, *keeping):
                task.cancel()
            await asyncio.gather(stopping, *keeping, return_exceptions=True)

    async def _keep(self, name: str) -> None:
        patience = self._patience()
        program = self._children[name].program
        why = await self._end_of(name)
        while (pause := patience.ended(time.monotonic())) is not None:
            self._tell(name, "again", f"in {pause:g} s: {why}")
            await asyncio.sleep(pause)
            await self._needed(name)
            try:
                self._children[name] = await Child.start(program, self._folders)
            except ChildFailed as fault:
                why = str(fault)
                self._because(name, why)
                continue
            self._up[name].set()
            restarts = self._ended[name].restarts + 1
            self._note(name, restarts=restarts)
            self._tell(name, "ready", f"again, as process {self._children[name].pid}")
            why = await self._end_of(name)
        self._note(name, given_up=True)
        self._tell(
            name,
            "given up",
            "it ends again and again; mend what its log says, then `trueup down` and "
            f"`trueup up`: {why}",
        )

    async def _end_of(self, name: str) -> str:
        """Waits for the end of a part, and says how it came."""
        child = self._children[name]
        await child.wait()
        self._up[name].clear()
        await child.stop()
        why = f"{child.ending()}; the end of {child.log}:\n{tail(child.log, _TAIL_BYTES)}"
        self._because(name, why)
        return why

    async def _needed(self, name: str) -> None:
        needs = [other for other in self._needs.get(name, ()) if other in self._up]
        while missing := [other for other in needs if not self._up[other].is_set()]:
            self._tell(name, "waiting", f"for {' and '.join(missing)}")
            await self._up[missing[0]].wait()

    def _because(self, name: str, why: str) -> None:
        self._note(name, at=datetime.now(UTC), why=scrub(why))

    def _note(self, name: str, **changes: Any) -> None:
        known = self._ended.get(name) or Ended(at=datetime.now(UTC), why="")
        self._ended[name] = known.model_copy(update=changes)
        self._changed(self._ended)

    def _tell(self, name: str, state: State, words: str) -> None:
        self._report(Step(name, state, scrub(words)))
