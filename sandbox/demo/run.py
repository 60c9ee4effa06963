"""Runs the stories on a stack that is up."""

import asyncio
import sys
import time
from functools import partial

import httpx
import orjson
from rich.console import Console

from sandbox.demo.console_story import mended_in_the_console
from sandbox.demo.late_payment import late_payment, newcomer
from sandbox.demo.money_stories import annual_plan, downgrade
from sandbox.demo.observed import NotSeen
from sandbox.demo.printing import show
from sandbox.demo.stories import mid_term_upgrade, pending_upgrade, support_fails, unmapped_item
from sandbox.demo.world import World, account, catalogue
from sandbox.embedded.facts import StackFacts

#: Each story with how its customer comes to be.
STORIES = (
    (mid_term_upgrade, partial(account, party="C-1001")),
    (pending_upgrade, partial(account, party="C-1001")),
    (annual_plan, partial(account, party="C-1001", plan="Pro, a year")),
    (downgrade, partial(account, party="C-1001", plan="Pro")),
    (unmapped_item, partial(account, party="C-1001")),
    (support_fails, partial(account, party="C-1001")),
    (late_payment, newcomer),
    (mended_in_the_console, partial(account, party="C-1001")),
)


async def demonstrate(facts: StackFacts, console: Console, *, as_json: bool = False) -> bool:
    """Whether everything that was claimed was also seen in the other systems.

    Told on `console`; with `as_json` also on stdout, for programs.
    """
    world = World.of(facts)
    try:
        prices = await catalogue(world)
        accounts = await asyncio.gather(*(begin(world, prices) for _, begin in STORIES))
        stories = []
        for number, ((story, _), customer) in enumerate(zip(STORIES, accounts, strict=True), 1):
            began = time.monotonic()
            told = await story(world, customer, prices)
            show(console, number, told, time.monotonic() - began)
            stories.append(told)
    except (NotSeen, httpx.HTTPError, RuntimeError) as fault:
        console.print(f"[bold red]The demo stopped:[/] {fault}")
        console.print(f"Logs are in {facts.logs}.")
        return False
    finally:
        await world.close()
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(stories, option=orjson.OPT_INDENT_2) + b"\n")
    return all(told.evidence.proven for told in stories)
