"""What every adapter must do, as functions: the tests run them on every system, and on adapters
that are wrong on purpose, which they must refuse."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from canonical_models.failures import (
    ContractDrift,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from tests.connectors.conformance.describing import PRIVATE, Act, Outcome, System
from tests.connectors.conformance.wire import (
    Fate,
    Wire,
    broke_after,
    landing_later,
    lost_after,
    lost_before,
)

#: By system and act, which of these are there as long as the tests run.
_WRITES: dict[tuple[int, str], int] = {}
#: Any Rejection.
REJECTED: tuple[Outcome, ...] = tuple(RejectionCode)


@asynccontextmanager
async def connected(
    system: System, wire: Wire | None = None, config: ConnectionConfig | None = None
) -> AsyncIterator[Any]:
    """An adapter with a governor of its own, as another worker has it."""
    port = system.connect(config or system.config(), wire)
    try:
        yield port
    finally:
        await port.close()


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    """A wire to the real system."""
    async with httpx.AsyncHTTPTransport(trust_env=False) as inner:
        yield Wire(inner)


@contextmanager
def failing(system: System, *wanted: Outcome) -> Iterator[pytest.ExceptionInfo[Failure]]:
    """The block fails as one of these, and what it raises can be shown to anybody."""
    with pytest.raises(Failure) as caught:
        yield caught
    failure = caught.value
    presentable(system, failure)
    told = failure.reason if isinstance(failure, Rejection) else type(failure)
    classes = tuple(each for each in wanted if isinstance(each, type))
    assert told in wanted or isinstance(failure, classes), (
        f"{told} in place of {wanted}: {failure.message}"
    )


def presentable(system: System, failure: Failure) -> None:
    """It names the system, is bounded, and nothing that is chained to it shows a secret."""
    assert failure.system == system.system
    assert 20 < len(failure.message) < 1200, failure.message
    assert PRIVATE not in failure.message
    if isinstance(failure, ContractDrift):
        assert failure.payload_path, failure.message
    for each in chain(failure):
        for hidden in (PRIVATE, *system.secrets):
            assert hidden not in f"{each} {each!r}", f"{type(each).__name__} shows {hidden}"


def chain(failure: BaseException) -> Iterator[BaseException]:
    """What a traceback of it shows."""
    shown: BaseException | None = failure
    while shown is not None:
        yield shown
        hidden = shown.__suppress_context__
        shown = shown.__cause__ or (None if hidden else shown.__context__)


async def once(system: System, act: Act) -> None:
    """Done once; and whoever does it again, the same adapter or another, changes nothing."""
    subject = await act.subject(system)
    assert await act.done(system, subject) == 0
    async with connected(system) as port:
        await act.do(port, subject)
        assert await act.done(system, subject) == 1
        await act.do(port, subject)
    async with connected(system) as another:
        await act.do(another, subject)
    assert await act.done(system, subject) == 1


async def writes_of(system: System, act: Act) -> int:
    """How many requests that write it takes: found out once."""
    if (known := _WRITES.get((id(system), act.name))) is not None:
        return known
    subject = await act.subject(system)
    async with wired() as wire, connected(system, wire) as port:
        await act.do(port, subject)
        found = sum(map(system.writes, wire.seen))
    assert found, f"{act.name} has sent nothing that writes: see `writes` of the description"
    _WRITES[id(system), act.name] = found
    return found


async def lost(system: System, act: Act, fate: Fate, at: int = 0, of: int = 1) -> None:
    """The answer to one of its writes does not come, that of number `at` of so many: that is
    uncertain, nothing is sent again by itself, and whoever does it anew finds what is there."""
    subject = await act.subject(system)
    async with wired() as wire:
        async with connected(system, wire) as port:
            wire.arm(fate, system.writes, skip=at)
            with failing(system, UncertainWrite):
                await act.do(port, subject)
        assert wire.met == 1
        written = sum(map(system.writes, wire.seen))
        assert written == at + 1, "something was written after an answer was lost"
        if of == 1:
            there = 1 if fate in (lost_after, broke_after) else 0
            assert await act.done(system, subject) == there
        else:
            assert await act.done(system, subject) <= 1
        async with connected(system) as port:
            await act.do(port, subject)
        assert await act.done(system, subject) == 1
        if fate is landing_later:
            assert await wire.land() == 1
            assert await act.done(system, subject) == 1, "what landed later did it again"
            async with connected(system) as port:
                await act.do(port, subject)
            assert await act.done(system, subject) == 1


FATES = {
    "lost before": lost_before,
    "lost after": lost_after,
    "broke after": broke_after,
    "landing later": landing_later,
}


async def race(system: System, act: Act, racers: int = 2) -> None:
    """Several do it at once: each succeeds or is to come again, and it is done once."""
    subject = await act.subject(system)

    async def racer() -> object:
        async with connected(system) as port:
            try:
                return await act.do(port, subject)
            except (TransientFailure, UncertainWrite) as failure:
                presentable(system, failure)
                return failure

    ended = await asyncio.gather(*(racer() for _ in range(racers)))
    assert not all(isinstance(each, Failure) for each in ended), ended
    async with connected(system) as port:
        await act.do(port, subject)
    assert await act.done(system, subject) == 1
