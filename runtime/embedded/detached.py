"""A stack that goes on when the terminal it was started from is gone."""

import os
import subprocess
import sys
from pathlib import Path

LOG = Path("logs", "supervisor.log")


def launch(state: Path, *, config: Path | None, cache: Path) -> "subprocess.Popen[str]":
    """`trueup up` in a session of its own. It writes JSON steps to its stdout until it is ready,
    and its errors to `<state>/logs/supervisor.log`."""
    log = state / LOG
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    given = () if config is None else ("--config", str(config.absolute()))
    with log.open("wb") as errors:
        return subprocess.Popen(
            (
                *(sys.executable, "-m", "cli", "up", "--to-parent"),
                *("--state", str(state.absolute()), *given),
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "TRUEUP_CACHE": str(cache.absolute())},
            start_new_session=True,
            text=True,
        )
