"""`trueup down`: a stack that runs, stopped from outside."""

import psutil
import typer

from cli.choices import chosen
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from runtime.processes import end_stale
from sandbox.embedded.files import LOCK, holder

_STOP_SECONDS = 90


def down(ctx: typer.Context, output: Output = Format.TABLE) -> None:
    """Stop the stack and wait until nothing of it runs. Its state stays.

    Examples: [bold]trueup down[/] · [bold]trueup --state /tmp/second down[/]
    """
    folder = chosen(ctx).state_folder
    pid = holder(folder / LOCK)
    if pid:
        _stop(pid)
    left = end_stale(folder / "run")
    if output is Format.JSON:
        show_json({"state": str(folder), "stopped": bool(pid or left)})
    else:
        note("The stack is down." if pid or left else f"No stack runs on {folder}.")


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
