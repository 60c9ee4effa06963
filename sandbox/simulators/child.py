"""The parent's side of the child protocol that `simulators.serving` speaks."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from dataclasses import dataclass

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Child:
    """A server process that is ready. `url` has no trailing slash."""

    url: str
    process: Process


@contextlib.asynccontextmanager
async def running_child(module: str, *arguments: str) -> AsyncGenerator[Child]:
    """Run `python -m module --port 0 …` for as long as the block lasts, then stop it.

    Raises RuntimeError when the process ends, or says something else, before it is ready, and
    TimeoutError when it does neither. The child also ends should this process be killed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *("--port", "0", "--exit-with-stdin"),
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Child(url=await _ready_url(module, process), process=process)
    finally:
        await _stop(process)


async def _ready_url(module: str, process: Process) -> str:
    if process.stdout is None:
        raise RuntimeError(f"{module}: no pipe to read the ready line from")
    async with asyncio.timeout(START_TIMEOUT_S):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"{module} ended before it was ready; its stderr says why")
    ready = json.loads(line)
    if ready.get("ready") is not True:
        raise RuntimeError(f"{module} said something else than that it is ready")
    url: str = ready["url"]
    return url


async def _stop(process: Process) -> None:
    if process.returncode is None:
        # It may end by itself between the check and the signal.
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
