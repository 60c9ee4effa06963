"""Our own two processes: the worker and the API."""

import sys
from pathlib import Path

from runtime.processes import Program

SERVICES = ("worker", "api")


def program(name: str, config: Path) -> Program:
    """`trueup worker` or `trueup api` on a settings file."""
    return Program(
        name=name,
        argv=(sys.executable, "-m", "cli", "--config", str(config), name, "--exit-with-stdin"),
        stdin=True,
        # The worker lets writes that are under way get their answer, for up to 30 s.
        stop_seconds=40,
    )
