"""`trueup up`: the embedded stack, in this terminal or in the background."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from subprocess import Popen
from typing import Annotated

import typer

from cli.choices import Choices, chosen
from cli.output import ExitCode, Format, Output, Problem, note, show_json
from cli.progress import UP, PipeScreen, Screen, screen, step_of
from runtime import logging
from runtime.embedded.config import StackConfig
from runtime.embedded.detached import LOG, launch
from runtime.embedded.facts import FILE, StackFacts
from runtime.embedded.stack import EmbeddedStack, Hook
from runtime.processes import tail

#: What is done to a stack that has just come up, before it is called ready.
HOOKS: list[Hook] = []

_STOP_SECONDS = 120


def up(
    ctx: typer.Context,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it running; `trueup down` stops it.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="Folder of its state [.trueup].")] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML: what to use instead of embedded parts.")
    ] = None,
    output: Output = Format.TABLE,
    to_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Start everything on this machine, and stop it with Ctrl-C.

    PostgreSQL, Temporal, Tryton, stand-ins of Stripe and Zendesk, the worker and the API.
    Yesterday's state goes on. Where everything is, and how to get in, is in <state>/stack.json.

    Examples: [bold]trueup up[/] · [bold]trueup up --detach --state /tmp/second[/] ·
    [bold]TRUEUP_TEMPORAL_ADDRESS=127.0.0.1:7233 trueup up[/]
    """
    before = chosen(ctx)
    choices = Choices(config=config or before.config, state=state or before.state)
    stack_config = StackConfig.load(choices.config)
    if detach:
        _welcome(_detached(choices), output, stop_with="trueup down")
        return
    logging.configure("stack", console=None if to_parent else True)
    with PipeScreen() if to_parent else screen() as display:
        stack = EmbeddedStack(
            choices.state_folder,
            stack_config,
            cache=_cache(),
            report=display.report,
            hooks=HOOKS,
        )
        asyncio.run(_run(stack, display, output))


async def _run(stack: EmbeddedStack, display: Screen, output: Format) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    living = asyncio.create_task(_live(stack, display, output, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({living, stopping}, return_when=asyncio.FIRST_COMPLETED)
    was_up = (stack.state / FILE).exists()
    if stop.is_set() and not was_up:
        living.cancel()
    stopping.cancel()
    try:
        await living
    except asyncio.CancelledError:
        raise Problem("stopped before the stack was ready") from None


async def _live(stack: EmbeddedStack, display: Screen, output: Format, stop: asyncio.Event) -> None:
    async with stack.running() as facts:
        display.report(UP)
        display.settle()
        if not isinstance(display, PipeScreen):
            _welcome(facts, output, stop_with="Ctrl-C")
        await stack.supervise(stop)


def _detached(choices: Choices) -> StackFacts:
    """Start a process that goes on without us, and show what it does until it is ready."""
    child = launch(choices.state_folder, config=choices.config, cache=_cache())
    try:
        if _ready(child):
            return StackFacts.load(choices.state_folder)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        child.wait(timeout=_STOP_SECONDS)
        raise
    code = child.wait(timeout=_STOP_SECONDS)
    log = choices.state_folder / LOG
    raise Problem(
        tail(log, 6000).rpartition("Error: ")[2] or f"the stack ended with code {code}; see {log}",
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


def _cache() -> Path:
    """Folder of what stacks share, such as the seeded ERP database."""
    return Path(os.environ.get("TRUEUP_CACHE", ".trueup/cache")).absolute()


def _welcome(facts: StackFacts, output: Format, *, stop_with: str) -> None:
    if output is Format.JSON:
        show_json(facts)
        return
    note(
        f"\nTrueup is up.\n"
        f"  API        {facts.api.url}\n"
        f"  Temporal   {facts.temporal.ui or facts.temporal.address}\n"
        f"  Tryton     {facts.tryton.url}\n"
        f"  Stripe     {facts.stripe.url}\n"
        f"  Zendesk    {facts.zendesk.url}\n"
        f"  all of it  {facts.state / FILE}\n"
        f"Stop it with {stop_with}."
    )
