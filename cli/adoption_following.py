"""Shows an adoption while it runs: a bar with counts and rate in a terminal, nothing in pipes."""

import asyncio
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from canonical_models.adoption import Adoption, AdoptionState
from cli.command import Command
from cli.output import note
from operations import adoption as adoptions

_LOOK_SECONDS = 0.5
#: Without a customer done for so long, the worker or the run may be gone.
_STILL_SECONDS = 20.0


async def followed(command: Command, begun: Adoption) -> Adoption:
    """Until it has ended or was stopped."""
    console = Console(stderr=True, highlight=False)
    with _bar(console) as bar:
        task = bar.add_task(
            "Rehearsing" if begun.rehearsal else "Adopting", total=None, left=0, rate="-"
        )
        pulse = _Pulse()
        while True:
            now = await adoptions.progress(command.context, command.tenant, begun.adoption_id)
            _show(bar, task, now, pulse)
            if now.state is not AdoptionState.RUNNING:
                return now
            if pulse.still(now.customers):
                note(
                    f"adoption {begun.adoption_id} does not move: see with `trueup deploy "
                    "status` that a worker runs; it goes on by itself"
                )
            await asyncio.sleep(_LOOK_SECONDS)


@dataclass
class _Pulse:
    """Whether anything moves, and how fast since we look."""

    began: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    first: int | None = None
    last: int = 0

    def still(self, customers: int) -> bool:
        now = time.monotonic()
        if customers != self.last or now - self.moved >= _STILL_SECONDS:
            waited = customers == self.last
            self.last, self.moved = customers, now
            return waited
        return False

    def rate(self, customers: int) -> float:
        if self.first is None:
            self.first = customers
        return (customers - self.first) / max(time.monotonic() - self.began, 0.001)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} customers, {task.fields[left]} left for people"),
        TextColumn("{task.fields[rate]}/s"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _show(bar: Progress, task: TaskID, now: Adoption, pulse: _Pulse) -> None:
    rate = f"{pulse.rate(now.customers):.1f}"
    # Until the list is whole, it grows.
    total = now.listed or None
    bar.update(task, completed=now.customers, total=total, left=now.left, rate=rate)
