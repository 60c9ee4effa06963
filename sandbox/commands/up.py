"""`trueup up`: the embedded stack, in this terminal or in the background."""

import contextlib
import importlib
from subprocess import Popen
from typing import Annotated

import typer

from cli.choices import Choices, cache, chosen
from cli.output import ExitCode, Format, Output, Problem
from runtime.processes import tail
from sandbox.commands.progress import UP, screen, show_welcome, step_of
from sandbox.embedded.config import StackConfig
from sandbox.embedded.detached import LOG, launch, put_aside
from sandbox.embedded.facts import StackFacts

__all__ = ["cache", "up"]

_STOP_SECONDS = 120


def up(
    ctx: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it running; `trueup down` stops it.")
    ] = False,
    output: Output = Format.TABLE,
    to_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Start everything on this machine, and stop it with Ctrl-C.

    PostgreSQL, Temporal, Tryton, stand-ins of Stripe and Zendesk, the worker and the API.
    Yesterday's state goes on. Where everything is, and how to get in, is in <state>/stack.json.

    Examples: [bold]trueup up[/] · [bold]trueup --state /tmp/second up --detach[/] ·
    [bold]TRUEUP_TEMPORAL_ADDRESS=127.0.0.1:7233 trueup up[/]
    """
    choices = chosen(ctx)
    stack_config = StackConfig.load(choices.config)
    if detach:
        show_welcome(_detached(choices), output, stop_with="trueup down")
        return
    # Loaded only where the stack runs: who waits for a detached one has no use for the drivers.
    foreground = importlib.import_module("sandbox.commands.foreground")
    foreground.run(choices, stack_config, output, to_parent=to_parent)


def _detached(choices: Choices) -> StackFacts:
    """Start a process that goes on without us, and show what it does until it is ready."""
    log = choices.state_folder / LOG
    put_aside(log)
    began = log.stat().st_size if log.exists() else 0
    child = launch(choices.state_folder, config=choices.config, cache=cache())
    try:
        if _ready(child):
            return StackFacts.load(choices.state_folder)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        child.wait(timeout=_STOP_SECONDS)
        raise
    code = child.wait(timeout=_STOP_SECONDS)
    # From the end of the line before, so that the first line of this start counts as whole.
    said = tail(log, log.stat().st_size - began + 1)
    raise Problem(
        said.rpartition("Error: ")[2] or f"the stack ended with code {code}; see {log}",
        code=ExitCode(code) if code in set(ExitCode) else ExitCode.FAILED,
    )


def _ready(child: Popen[str]) -> bool:
    with screen() as display:
        for text in child.stdout or ():
            if (step := step_of(text)) == UP:
                return True
            if step is not None:
                display.report(step)
    return False
