"""Our own processes: workers and APIs, one of each or several (`worker-2`)."""

import sys
from pathlib import Path

from runtime.processes import Program

SERVICES = ("worker", "api")


def kind_of(name: str) -> str:
    """`worker` or `api`, whichever of several it is."""
    return name.partition("-")[0]


def ports_of(name: str) -> tuple[str, ...]:
    """The names of the ports that it takes: that of its metrics, and of an API its own before."""
    return (name,) if kind_of(name) == "worker" else (name, f"{name}-metrics")


def program(name: str, config: Path, *ports: int) -> Program:
    """`trueup worker` or `trueup api` on a settings file, with the `ports_of` it."""
    kind = kind_of(name)
    options = ("--metrics-port",) if kind == "worker" else ("--port", "--metrics-port")
    given = (str(said) for pair in zip(options, ports, strict=True) for said in pair)
    return Program(
        name=name,
        argv=(
            *(sys.executable, "-m", "cli", "--config", str(config), kind),
            *("--exit-with-stdin", *given),
        ),
        stdin=True,
        # The worker lets writes that are under way get their answer, for up to 30 s.
        stop_seconds=40,
    )
