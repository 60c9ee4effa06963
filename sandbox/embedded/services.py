"""Our own processes: workers, APIs and consoles, one of each or several (`worker-2`)."""

import sys
from pathlib import Path

from runtime.processes import Program

SERVICES = ("worker", "api", "console")

#: By kind, the options that name its ports.
_OPTIONS = {
    "worker": ("--metrics-port",),
    "api": ("--port", "--metrics-port"),
    "console": ("--port",),
}


def kind_of(name: str) -> str:
    """`worker`, `api` or `console`, whichever of several it is."""
    return name.partition("-")[0]


def ports_of(name: str) -> tuple[str, ...]:
    """The names of the ports that it takes: that of its metrics, and of an API its own before."""
    return (name, f"{name}-metrics") if kind_of(name) == "api" else (name,)


def program(name: str, config: Path, *ports: int) -> Program:
    """`trueup worker`, `api` or `console` on a settings file, with the `ports_of` it."""
    kind = kind_of(name)
    given = (str(said) for pair in zip(_OPTIONS[kind], ports, strict=True) for said in pair)
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
