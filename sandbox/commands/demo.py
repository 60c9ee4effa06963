"""`trueup demo`: eight stories through the front door, proven in the other systems."""

import asyncio
from pathlib import Path

import typer
from rich.console import Console

from cli.choices import cache, chosen
from cli.output import ExitCode, Format, Output, Problem
from runtime import logging
from sandbox.commands.progress import UP, screen
from sandbox.demo.run import demonstrate
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import StackFacts
from sandbox.embedded.stack import EmbeddedStack


def demo(
    ctx: typer.Context,
    output: Output = Format.TABLE,
) -> None:
    """Eight stories through the front door, each verified in Stripe, Tryton and Zendesk.

    Uses the stack that is up, else starts one and stops it afterwards. Each run has customers of
    its own. Exits 0 only if everything that is claimed was seen in the other systems.

    Examples: [bold]trueup demo[/] · [bold]trueup up --detach && trueup demo && trueup down[/]
    """
    chosen_state = chosen(ctx).state_folder
    try:
        facts = StackFacts.load(chosen_state)
    except FileNotFoundError:
        proven = asyncio.run(_on_a_stack_of_its_own(chosen_state, output))
    else:
        proven = asyncio.run(demonstrate(facts, _console(output), as_json=output is Format.JSON))
    if not proven:
        raise Problem(
            "not everything that the stories claim was seen in the other systems",
            code=ExitCode.FAILED,
            remedy=f"read the lines marked NO above, and the logs in {chosen_state / 'logs'}",
        )


async def _on_a_stack_of_its_own(state: Path, output: Format) -> bool:
    logging.configure("stack", console=True)
    with screen() as display:
        stack = EmbeddedStack(state, StackConfig.load(None), cache=cache(), report=display.report)
        async with stack.running() as facts:
            display.report(UP)
            display.settle()
            return await demonstrate(facts, _console(output), as_json=output is Format.JSON)


def _console(output: Format) -> Console:
    """Tables go to stdout; beside JSON they would be in the way."""
    return Console(stderr=output is Format.JSON, width=110, soft_wrap=False)
