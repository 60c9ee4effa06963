"""Shows a batch while it runs: a bar with counts and rate in a terminal, nothing in pipes."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from canonical_models.batch import UNDER_WAY, Batch, BatchState, ItemOutcome
from cli.command import Command
from cli.output import note
from operations import batches

_LOOK_SECONDS = 0.5
#: Without an item that moves for so long, the worker or the run may be gone.
_STILL_SECONDS = 20.0

Follow = Annotated[
    bool, typer.Option("--follow/--no-follow", help="Show how far it comes until it rests.")
]


async def followed(command: Command, batch_id: str, what: str) -> Batch:
    """Until it is paused, stopped or at its end."""
    console = Console(stderr=True, highlight=False)
    moved, last = time.monotonic(), -1
    with _bar(console) as bar:
        task = bar.add_task(what, total=None, left="")
        while True:
            now = await batches.show(command.context, command.tenant, batch_id)
            through = now.total - now.count(ItemOutcome.NOT_BEGUN, *UNDER_WAY)
            # Until the list is whole, it grows.
            total = now.total if now.listed else None
            bar.update(task, completed=through, total=total, left=_counted(now))
            if now.state is not BatchState.RUNNING:
                return now
            if through != last or not now.listed:
                moved, last = time.monotonic(), through
            elif time.monotonic() - moved >= _STILL_SECONDS:
                moved = time.monotonic()
                note(
                    f"batch {batch_id} does not move: see with `trueup deploy status` that a "
                    "worker runs, and with `trueup connections list` that no vendor is away; it "
                    "goes on by itself"
                )
            await asyncio.sleep(_LOOK_SECONDS)


def _counted(now: Batch) -> str:
    apart = [
        f"{count} {outcome.value.replace('_', ' ')}"
        for outcome in ItemOutcome
        if outcome not in (ItemOutcome.NOT_BEGUN, ItemOutcome.DONE)
        and (count := now.count(outcome))
    ]
    return ", ".join(apart)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total}"),
        TextColumn("{task.fields[left]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
