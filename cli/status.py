"""`trueup status`: whether each part works, of whatever the settings name."""

import asyncio
import importlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from cli.choices import Choices, chosen
from cli.command import state
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import health
from operations.context import open_context
from operations.health import Health, Part, State
from runtime.settings import Settings

_SETTINGS = "trueup.toml"
_DAY = 86_400
_HOUR = 3_600
_MINUTE = 60
#: Facts that are seconds.
_SECONDS = {"oldest ready", "oldest unread"}


def status(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """Show whether each part works, since when, and what waits.

    Each part is asked for an answer: database, Temporal, workers, API, the connections to vendors,
    the mail server; and what waits for a saga or for people. Of an embedded stack its processes
    too: since when each is up, how often it was started again, and why it ended last.

    Exits with 5 when a part is away or cannot be asked, with 1 when one is slow, else with 0.

    Examples: [bold]trueup status[/] · [bold]trueup status -o json[/] ·
    [bold]trueup --config /etc/trueup/trueup.toml status[/]
    """
    choices = chosen(ctx)
    stack = _Stack(choices)
    phase = stack.phase()
    if phase in {"down", "starting"}:
        _not_up(stack.folder, phase, output)
    found, processes = asyncio.run(_look(choices.settings(), stack if phase else None))
    if phase is not None and not stack.all_up(processes):
        phase = "degraded"
    if output is Format.JSON:
        shown = {"folder": str(stack.folder), "phase": phase, "processes": processes}
        show_json({**found.model_dump(mode="json"), "stack": shown if phase else None})
    else:
        _show(found)
        stack.show(processes)
    _judge(found, stack, phase)


class _Stack:
    """The embedded stack that the choices name, where an installation has such a thing at all: its
    module is of the sandbox, and so is found by its name."""

    def __init__(self, choices: Choices) -> None:
        self.folder = choices.state_folder
        self._module = (
            importlib.import_module("sandbox.commands.processes")
            if _names_a_stack(choices)
            else None
        )

    def phase(self) -> str | None:
        """None where the settings are of no embedded stack."""
        return None if self._module is None else str(self._module.phase(self.folder))

    async def processes(self, found: Health) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = (
            [] if self._module is None else await self._module.processes(self.folder, found)
        )
        return seen

    def all_up(self, processes: list[dict[str, Any]]) -> bool:
        return self._module is None or bool(self._module.all_up(processes))

    def show(self, processes: list[dict[str, Any]]) -> None:
        if self._module is not None:
            typer.echo()
            rows = (self._module.row(part) for part in processes)
            show_rows(((row[0], state(row[1]), *row[2:]) for row in rows), self._module.COLUMNS)


def _names_a_stack(choices: Choices) -> bool:
    if find_spec("sandbox") is None:
        return False
    stack, here = choices.state_folder / _SETTINGS, Path(_SETTINGS)
    named = choices.settings_path()
    nothing_named = choices.config is None and not os.environ.get("TRUEUP_CONFIG")
    return named.absolute() == stack.absolute() or (nothing_named and not here.exists())


async def _look(settings: Settings, stack: _Stack | None) -> tuple[Health, list[dict[str, Any]]]:
    context = open_context(settings, pool_size=2)
    try:
        found = await health.look(context)
        return found, [] if stack is None else await stack.processes(found)
    finally:
        await context.database.close()


def _show(found: Health) -> None:
    show_rows(
        ((part.part, state(part.state), part.since, _words(part)) for part in found.parts),
        ("part", "state", "since", "what"),
    )
    if found.waiting is not None:
        note(f"What waits for people: {found.waiting}")


def _judge(found: Health, stack: _Stack, phase: str | None) -> None:
    worst = [part.part for part in found.parts if part.state is found.state]
    if phase == "degraded" or found.state in {State.AWAY, State.UNKNOWN}:
        named = f"{found.state}: {', '.join(worst)}" if found.state is not State.WORKS else phase
        logs = f"see {stack.folder / 'logs'}" if phase else None
        raise Problem(f"not all works; {named}", code=ExitCode.UNAVAILABLE, remedy=logs)
    if found.state is State.SLOW:
        raise Problem(f"all is there, but slow: {', '.join(worst)}")


def _not_up(folder: Path, phase: str, output: Format) -> None:
    if output is Format.JSON:
        stack = {"folder": str(folder), "phase": phase, "processes": []}
        show_json({"state": State.AWAY, "parts": [], "waiting": None, "stack": stack})
    remedy = "start it with `trueup up`" if phase == "down" else f"see {folder / 'logs'}"
    raise Problem(f"the stack on {folder} is {phase}", code=ExitCode.UNAVAILABLE, remedy=remedy)


def _words(part: Part) -> str:
    return ", ".join(
        f"{name} {_duration(value) if name in _SECONDS else value}"
        for name, value in part.facts.items()
    )


def _duration(seconds: object) -> str:
    """In two units, as in 2 h 10 min."""
    whole = int(float(str(seconds)))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
