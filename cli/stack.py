"""`trueup down` and `trueup status`: a stack that runs, seen from outside."""

from pathlib import Path
from typing import Annotated

import psutil
import typer
from pydantic import ValidationError

from cli.choices import chosen
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from runtime.embedded.facts import StackFacts
from runtime.embedded.files import LOCK, holder
from runtime.processes import end_stale, recorded_process

_STOP_SECONDS = 90

StateOption = Annotated[
    Path | None, typer.Option(help="Folder of the stack's state (default: .trueup).")
]


def down(ctx: typer.Context, state: StateOption = None, output: Output = Format.TABLE) -> None:
    """Stop the stack and wait until nothing of it runs. Its state stays.

    Examples: [bold]trueup down[/] · [bold]trueup down --state /tmp/second[/]
    """
    folder = state or chosen(ctx).state_folder
    pid = holder(folder / LOCK)
    if pid:
        _stop(pid)
    left = end_stale(folder / "run")
    if output is Format.JSON:
        show_json({"state": str(folder), "stopped": bool(pid or left)})
    else:
        note("The stack is down." if pid or left else f"No stack runs on {folder}.")


def status(ctx: typer.Context, state: StateOption = None, output: Output = Format.TABLE) -> None:
    """Show what runs and where. Exit code 5 unless everything is up.

    Examples: [bold]trueup status[/] · [bold]trueup status -o json[/]
    """
    folder = state or chosen(ctx).state_folder
    facts = _facts(folder)
    running = holder(folder / LOCK) is not None
    phase = "down" if not running else "starting" if facts is None else "up"
    addresses = {} if facts is None or not running else _addresses(facts)
    alive = {
        name: recorded_process(folder / "run" / f"{name}.json") is not None
        for name in (facts.pids if facts and running else ())
    }
    parts = [
        {
            "part": name,
            "state": "given" if name not in alive else "up" if alive[name] else "down",
            "pid": facts.pids.get(name) if facts else None,
            "address": address,
        }
        for name, address in addresses.items()
    ]
    if phase == "up" and not all(alive.values()):
        phase = "degraded"
    if output is Format.JSON:
        show_json({"state": str(folder), "stack": phase, "parts": parts})
    elif parts:
        show_rows(
            [tuple(part.values()) for part in parts],
            ["part", "state", "pid", "address"],
        )
    if phase != "up":
        remedy = "start it with `trueup up`" if phase == "down" else f"see {folder / 'logs'}"
        raise Problem(f"the stack on {folder} is {phase}", code=ExitCode.UNAVAILABLE, remedy=remedy)


def _stop(pid: int) -> None:
    try:
        supervisor = psutil.Process(pid)
        supervisor.terminate()
        supervisor.wait(_STOP_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise Problem(
            f"process {pid} belongs to somebody else",
            code=ExitCode.CONFLICT,
            remedy="ask whoever started the stack",
        ) from None
    except psutil.TimeoutExpired:
        raise Problem(
            f"the stack (process {pid}) did not end within {_STOP_SECONDS} s",
            remedy="look at its logs, then end it with `kill -9` and run `trueup down` again",
        ) from None


def _facts(folder: Path) -> StackFacts | None:
    try:
        return StackFacts.load(folder)
    except (OSError, ValidationError):
        return None


def _addresses(facts: StackFacts) -> dict[str, str]:
    host = facts.postgres_dsn.rpartition("@")[2]
    return {
        "postgres": host,
        "temporal": f"{facts.temporal.address}  {facts.temporal.ui or ''}".strip(),
        "tryton": facts.tryton.url,
        "stripe": facts.stripe.url,
        "zendesk": facts.zendesk.url,
        "target": facts.target.url,
        "worker": "",
        "api": facts.api.url,
    }
