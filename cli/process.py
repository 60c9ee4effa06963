"""What the worker and the API share: how they say that they are ready, and how they are told to
stop."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop

_STDIN = 0

ExitWithStdin = Annotated[
    bool, typer.Option("--exit-with-stdin", hidden=True, help="Stop at the end of stdin.")
]


def say_ready(**facts: str) -> None:
    """One JSON line on stdout, for whoever started us."""
    sys.stdout.write(json.dumps({"ready": True, **facts}) + "\n")
    sys.stdout.flush()


def until_told(
    run: Callable[[], Coroutine[Any, Any, None]],
    *,
    exit_with_stdin: bool,
    stop: Callable[[], None] | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or, if wanted, the end of stdin; told twice is told once."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(run())
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                (stop or running.cancel)()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, tell)
        if exit_with_stdin:
            threading.Thread(target=_watch_stdin, args=(loop, tell), daemon=True).start()
        try:
            await running
        except asyncio.CancelledError:
            if not told:
                raise

    uvloop.run(main())


def _watch_stdin(loop: asyncio.AbstractEventLoop, tell: Callable[[], None]) -> None:
    while os.read(_STDIN, 4096):
        pass
    # The loop is closed already when a signal came first.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)
