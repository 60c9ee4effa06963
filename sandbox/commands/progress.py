"""Shows a start while it happens: a live table in a terminal, plain lines elsewhere, JSON lines
for the process that waits for a detached stack."""

import contextlib
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.output import Format, note, show_json
from runtime.web_ui import WAITING, listed
from sandbox.embedded.facts import FILE, StackFacts
from sandbox.embedded.progress import Step

_STYLES = {
    "ready": "green",
    "given": "green",
    "again": "yellow",
    "given up": "red",
    "stopped": "dim",
}
_STDOUT = 1

#: The step that says that everything is ready.
UP = Step("stack", "ready")


class Screen:
    """Plain lines on stderr, each with its time. `settle` says that the start is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.settle()

    def report(self, step: Step) -> None:
        sys.stderr.write(_line(step) + "\n")
        sys.stderr.flush()

    def settle(self) -> None:
        """Nothing to do for lines."""


class LiveScreen(Screen):
    """A table that changes until the start is over; lines from then on."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=10)
        self._steps: dict[str, Step] = {}
        self._over = False

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def report(self, step: Step) -> None:
        if self._over:
            super().report(step)
            return
        self._steps[step.part] = step
        self._live.update(_table(self._steps))

    def settle(self) -> None:
        if not self._over:
            self._over = True
            self._live.stop()


class PipeScreen(Screen):
    """JSON lines on stdout for the waiting parent, which then goes away: stdout ends with it.
    Lines on stderr as well, which is the supervisor's log."""

    def __init__(self) -> None:
        self._over = False

    def report(self, step: Step) -> None:
        super().report(step)
        if self._over:
            return
        # The parent may have been killed; the stack comes up nevertheless.
        with contextlib.suppress(BrokenPipeError):
            os.write(_STDOUT, json.dumps(asdict(step)).encode() + b"\n")

    def settle(self) -> None:
        if not self._over:
            self._over = True
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, _STDOUT)
            os.close(nothing)


def screen() -> Screen:
    """What fits where stderr goes."""
    console = Console(stderr=True, highlight=False)
    return LiveScreen(console) if console.is_terminal else Screen()


def show_welcome(facts: StackFacts, output: Format, *, stop_with: str) -> None:
    """Where everything is: for people on stderr, for programs as JSON on stdout."""
    if output is Format.JSON:
        show_json(facts)
        return
    temporal = facts.temporal
    waiting = listed(temporal.ui, temporal.namespace, WAITING) if temporal.ui else "-"
    note(
        f"\nTrueup is up.\n"
        f"  console    {facts.console.url}\n"
        f"{_links(facts)}"
        f"  API        {facts.api.url}\n"
        f"  Temporal   {facts.temporal.ui or facts.temporal.address}\n"
        f"  who waits  {waiting}\n"
        f"  Tryton     {facts.tryton.url}\n"
        f"  Stripe     {facts.stripe.url}\n"
        f"  Zendesk    {facts.zendesk.url}\n"
        f"  Target     {facts.target.url}\n"
        f"  all of it  {facts.state / FILE}\n"
        f"Stop it with {stop_with}."
    )


def _links(facts: StackFacts) -> str:
    """Each signs one person in, once."""
    return "".join(f"    {role:<11} {link}\n" for role, link in facts.console.sign_in.items())


def step_of(text: str) -> Step | None:
    """What `PipeScreen` wrote; None for anything else."""
    try:
        return Step(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _line(step: Step) -> str:
    took = "" if step.seconds is None else f" ({step.seconds:.1f} s)"
    detail = step.detail.replace("\n", "\n    ")
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{now} {step.part:<9} {step.state:<9} {detail}{took}".rstrip()


def _table(steps: dict[str, Step]) -> Table:
    table = Table.grid(padding=(0, 2))
    for step in steps.values():
        waits = step.state in {"starting", "stopping"}
        took = "" if step.seconds is None else f"{step.seconds:.1f} s"
        table.add_row(
            Spinner("dots") if waits else Text("●", style=_STYLES.get(step.state, "")),
            step.part,
            Text(step.state, style=_STYLES.get(step.state, "")),
            Text(step.detail),
            Text(took, style="dim"),
        )
    return table
