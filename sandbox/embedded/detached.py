"""A stack that goes on when the terminal it was started from is gone, and its log.

The log is of one day (UTC): `logs/supervisor.log` of today, or of the last day on which there was
something to say, and `supervisor.log.1` of the one before.
"""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

LOG = Path("logs", "supervisor.log")
_STDERR = 2


def launch(state: Path, *, config: Path | None, cache: Path) -> "subprocess.Popen[str]":
    """`trueup up` in a session of its own. It writes JSON steps to its stdout until it is ready,
    and its log to the end of `<state>/logs/supervisor.log`, the error of a failed start too."""
    log = state / LOG
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = () if config is None else ("--config", str(config.absolute()))
    with log.open("ab") as errors:
        return subprocess.Popen(
            (
                *(sys.executable, "-m", "cli", "--state", str(state.absolute()), *given),
                *("up", "--to-parent"),
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "TRUEUP_CACHE": str(cache.absolute())},
            start_new_session=True,
            text=True,
        )


def put_aside(log: Path) -> bool:
    """Whether the log was of an earlier day; it is the older one then, in place of that before."""
    try:
        found = log.stat()
    except FileNotFoundError:
        return False
    if not found.st_size or datetime.fromtimestamp(found.st_mtime, UTC) >= _midnight():
        return False
    log.replace(log.with_suffix(".log.1"))
    return True


async def one_a_day(log: Path, stream: int = _STDERR) -> None:
    """Turn what is written to `stream` to a new log each day, until cancelled."""
    while True:
        tomorrow = _midnight() + timedelta(days=1)
        await asyncio.sleep((tomorrow - datetime.now(UTC)).total_seconds())
        turn_over(log, stream)


def turn_over(log: Path, stream: int = _STDERR) -> None:
    """Put the log of an earlier day aside, and have `stream` go on in a new one."""
    if put_aside(log):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, stream)
        os.close(descriptor)


def _midnight() -> datetime:
    return datetime.combine(datetime.now(UTC).date(), time(), UTC)
