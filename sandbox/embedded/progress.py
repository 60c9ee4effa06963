"""How a start is told to those who wait for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

#: `again`: it ended while the stack was up, and is started once more; `waiting` for what it needs.
State = Literal["starting", "ready", "given", "again", "waiting", "given up", "stopping", "stopped"]


@dataclass(frozen=True)
class Step:
    """One part of the stack reached a state; `detail` is an address or a reason."""

    part: str
    state: State
    detail: str = ""
    seconds: float | None = None


Report = Callable[[Step], None]


def silent(_step: Step) -> None:
    """Nobody waits."""
