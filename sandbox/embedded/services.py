"""Our own processes: workers and APIs, one of each or several (`worker-2`)."""

import sys
from pathlib import Path

from runtime.processes import Program

SERVICES = ("worker", "api")


def kind_of(name: str) -> str:
    """`worker` or `api`, whichever of several it is."""
    return name.partition("-")[0]


def program(name: str, config: Path, port: int) -> Program:
    """`trueup worker` or `trueup api` on a settings file; `port` is that of its metrics, or of the
    API."""
    kind = kind_of(name)
    option = "--metrics-port" if kind == "worker" else "--port"
    return Program(
        name=name,
        argv=(
            *(sys.executable, "-m", "cli", "--config", str(config), kind),
            *("--exit-with-stdin", option, str(port)),
        ),
        stdin=True,
        # The worker lets writes that are under way get their answer, for up to 30 s.
        stop_seconds=40,
    )
