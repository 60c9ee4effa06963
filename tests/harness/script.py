"""What a scripted system is told: fail at exactly one call, lose exactly one answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from canonical_models.failures import Rejection, RejectionCode, UncertainWrite

Fault = Callable[[], Exception]


@dataclass
class Script:
    """Faults by call, such as {"erp.post": [before(...), after()]}; each is used once, in order.

    `seconds` is how long every call takes. `calls` keeps what was called.
    """

    faults: dict[str, list["Planned"]] = field(default_factory=dict)
    seconds: float = 0
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[str], None] | None = None

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[None]:
        self.calls.append(name)
        if self.on_call is not None:
            self.on_call(name)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        planned = self.faults[name].pop(0) if self.faults.get(name) else None
        if planned is not None and not planned.happened:
            raise planned.failure()
        yield
        if planned is not None:
            raise planned.failure()


@dataclass(frozen=True)
class Planned:
    """A failure of one call; `happened` when the call has its effect all the same."""

    failure: Fault
    happened: bool = False


def refused(code: RejectionCode, system: str = "erp") -> Planned:
    return Planned(lambda: Rejection(code, f"scripted {code.value}", system=system, subject="it"))


def lost(system: str = "erp", *, happened: bool) -> Planned:
    return Planned(lambda: UncertainWrite("scripted lost answer", system=system), happened)
