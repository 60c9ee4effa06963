"""Places where tests have a process die, stand still or wait: just before a write leaves, once the
vendor has answered it, and once our row says so.

Without $TRUEUP_FAILPOINTS nothing happens here. With it, the folder that it names holds in `armed`
one file for each point that somebody waits for:

    {"point": "post invoice.answered", "about": ["cus_7"], "action": "kill"}

The first attempt that comes there, in whichever process, and whose effect speaks of one of `about`
(of anything, where it is empty), takes one file by moving it to `taken`, and does what it says.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

VARIABLE = "TRUEUP_FAILPOINTS"
#: What carries a point (or its `mark`) on each write that the attempt sends from there on.
HEADER = "trueup-failpoint"

Phase = Literal["before", "answered", "committed"]

_POLL_SECONDS = 0.02
_FOLDER = os.environ.get(VARIABLE)
_MARK: ContextVar[str | None] = ContextVar("failpoint", default=None)


async def reached(operation: str, phase: Phase, about: Callable[[], str]) -> None:
    """`about` is asked for all that tells the effect from others; only where points are armed."""
    if _FOLDER is not None:
        await _reached(Path(_FOLDER), f"{operation}.{phase}", about)


def marked(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """The headers of a request, with the point that its attempt has taken to `mark` itself."""
    mark = _MARK.get()
    return headers if mark is None else {**(headers or {}), HEADER: mark}


async def _reached(folder: Path, point: str, about: Callable[[], str]) -> None:
    for armed in sorted((folder / "armed").glob("*.json")):
        try:
            said = json.loads(armed.read_bytes())
        except FileNotFoundError:
            continue
        words = about() if said["point"] == point else None
        if words is None or not _speaks(words, said["about"]):
            continue
        taken = folder / "taken" / armed.name
        try:
            armed.rename(taken)
        except FileNotFoundError:
            continue
        await _do(said["action"], taken, said.get("mark", taken.stem))
        # The next one is for whoever comes next.
        return


def _speaks(words: str, about: list[str]) -> bool:
    return not about or any(word in words for word in about)


async def _do(action: str, taken: Path, mark: str) -> None:
    """Whoever waits for it reads in `.pid` who is there."""
    taken.with_suffix(".pid").write_text(str(os.getpid()), encoding="ascii")
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "hold":
            released = taken.with_suffix(".released")
            while not released.exists():  # noqa: ASYNC110 - another process lets it go
                await asyncio.sleep(_POLL_SECONDS)
        case "mark":
            _MARK.set(mark)
        case _:
            raise ValueError(f"{taken} asks for {action}, which is none of kill, stop, hold, mark")
