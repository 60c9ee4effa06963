"""The stack in this process: up until told to stop."""

import asyncio
import signal
from collections.abc import Sequence

from cli.choices import Choices, cache
from cli.output import Format, Problem
from runtime import logging
from sandbox.commands.progress import UP, PipeScreen, Screen, screen, show_welcome
from sandbox.embedded.config import StackConfig
from sandbox.embedded.detached import LOG, one_a_day
from sandbox.embedded.facts import FILE
from sandbox.embedded.stack import EmbeddedStack, Hook

#: What is done to a stack that has just come up, before it is called ready.
HOOKS: Sequence[Hook] = ()


def run(choices: Choices, config: StackConfig, output: Format, *, to_parent: bool) -> None:
    """Start the stack, show how it goes, keep it up. `to_parent`: a process waits for it."""
    logging.configure("stack", console=None if to_parent else True)
    with PipeScreen() if to_parent else screen() as display:
        stack = EmbeddedStack(
            choices.state_folder,
            config,
            cache=cache(),
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
            show_welcome(facts, output, stop_with="Ctrl-C")
            await stack.supervise(stop)
            return
        turning = asyncio.create_task(one_a_day(stack.state / LOG))
        try:
            await stack.supervise(stop)
        finally:
            turning.cancel()
