"""`trueup down` and `trueup status`: a stack that runs, seen from outside."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from pydantic import ValidationError

from cli.choices import chosen
from cli.output import ExitCode, Format, Output, Problem, note, show_json, show_rows
from operations import connections
from runtime.processes import end_stale, recorded_process
from sandbox.embedded.facts import StackFacts
from sandbox.embedded.files import LOCK, holder

_STOP_SECONDS = 90
_COLUMNS = ("part", "state", "pid", "up since", "restarts", "last ended", "address")

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

    Since when each part is up, how often it was started again since the stack is, and why it ended
    last. `given up`: it ended too often, and stays down.

    Examples: [bold]trueup status[/] · [bold]trueup status -o json[/]
    """
    folder = state or chosen(ctx).state_folder
    facts = _facts(folder)
    running = holder(folder / LOCK) is not None
    phase = "down" if not running else "starting" if facts is None else "up"
    parts = [] if facts is None or not running else _parts(facts)
    if phase == "up" and any(part["state"] not in {"up", "given"} for part in parts):
        phase = "degraded"
    away = [] if facts is None or not running else _away(facts)
    if output is Format.JSON:
        show_json({"state": str(folder), "stack": phase, "parts": parts, "vendors_away": away})
    elif parts:
        show_rows([_row(part) for part in parts], _COLUMNS)
        for one in away:
            note(f"{one.connection} is away since {one.since:%Y-%m-%d %H:%M} UTC: {one.reason}")
    if phase != "up":
        remedy = "start it with `trueup up`" if phase == "down" else f"see {folder / 'logs'}"
        raise Problem(f"the stack on {folder} is {phase}", code=ExitCode.UNAVAILABLE, remedy=remedy)


def _away(facts: StackFacts) -> list[Any]:
    """Vendors that the workers do not reach; none are known while the database does not answer."""
    return asyncio.run(connections.away(facts.postgres_dsn))


def _parts(facts: StackFacts) -> list[dict[str, Any]]:
    """Each part: since when it is up, how often it was started again since the stack is up, and
    when and why it ended the last time."""
    return [_part(facts, name, address) for name, address in _addresses(facts).items()]


def _part(facts: StackFacts, name: str, address: str) -> dict[str, Any]:
    process = recorded_process(facts.state / "run" / f"{name}.json")
    ended = facts.ended.get(name)
    if name not in facts.pids:
        state = "given"
    elif ended is not None and ended.given_up:
        state = "given up"
    elif process is None:
        state = "down"
    else:
        state = "up" if process.pid == facts.pids[name] else "starting"
    return {
        "part": name,
        "state": state,
        "pid": process.pid if process else None,
        "since": datetime.fromtimestamp(process.create_time(), UTC) if process else None,
        "restarts": ended.restarts if ended else 0,
        "ended_at": ended.at if ended else None,
        "ended_why": ended.why if ended else None,
        "address": address,
    }


def _row(part: dict[str, Any]) -> tuple[object, ...]:
    why = part["ended_why"]
    ended = None
    if why is not None:
        ended = f"{part['ended_at'].astimezone():%Y-%m-%d %H:%M:%S} {why.partition(';')[0]}"
    seen = (part["part"], part["state"], part["pid"], part["since"], part["restarts"])
    return (*seen, ended, part["address"])


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
