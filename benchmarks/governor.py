"""The governor against vendors that take so many calls at once.

    python -m benchmarks.governor

On a clock that jumps, so that what takes an hour is told within seconds. A vendor with places and
no more, whose answers slow down and quicken again: how much of it is used, and how many of its
answers are 429. And an ERP that takes 17 seconds a write, two at a time, while the others queue.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.limits import Limit, told
from canonical_models.failures import TransientFailure
from connectors.governor import Governor, NotNow, calling
from tests.harness.virtual_time import run

#: Seconds for an answer, and how long it stays so.
PHASES = ((0.05, 120.0), (2.0, 240.0), (0.05, 120.0))
_CALLERS = 64
_PATIENCE = 20.0
_CHANGES = 70
_WRITE_SECONDS = 17.0


@dataclass
class Refusing:
    """Says 429 when all its places are taken."""

    places: int
    busy: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    used: float = 0.0

    def seconds(self) -> float:
        now = asyncio.get_running_loop().time()
        for seconds, lasts in PHASES:
            if now < lasts:
                return seconds
            now -= lasts
        return PHASES[-1][0]

    async def answer(self) -> int:
        if self.busy >= self.places:
            await asyncio.sleep(0.005)
            self.answers[429] += 1
            return 429
        self.busy += 1
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.sleep(self.seconds())
        finally:
            self.busy -= 1
            self.used += asyncio.get_running_loop().time() - began
        self.answers[200] += 1
        return 200


async def refusing(places: int) -> tuple[float, float]:
    """(percent of the vendor's time that was used, percent of its answers that were 429)."""
    vendor = Refusing(places)
    loop = asyncio.get_running_loop()
    governor = Governor("vendor", patience=_PATIENCE, most=_CALLERS, now=loop.time)
    lasts = sum(lasts for _, lasts in PHASES)

    async def caller() -> None:
        while loop.time() < lasts:
            try:
                async with governor.call("vendor", writes=True) as call:
                    call.answered(await vendor.answer())
            except NotNow as busy:
                await asyncio.sleep(busy.retry_after or 1)

    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    share = vendor.answers[429] / vendor.answers.total()
    return 100 * vendor.used / (places * loop.time()), 100 * share


@dataclass
class Queueing:
    """Works at two writes at once; whatever else comes waits, and is done after its caller has
    gone."""

    done: Counter[str] = field(default_factory=Counter)
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def write(self, key: str) -> None:
        async with self.free:
            await asyncio.sleep(_WRITE_SECONDS)
            self.done[key] += 1


async def queueing() -> tuple[Queueing, int, float]:
    """(the vendor, writes that had no answer in time, seconds until all were done)."""
    vendor = Queueing()
    loop = asyncio.get_running_loop()
    governor = Governor("erp", patience=_PATIENCE, now=loop.time)
    under_way: dict[str, asyncio.Task[None]] = {}
    late = 0

    async def attempt(key: str) -> None:
        nonlocal late
        async with governor.call("erp", writes=True) as call:
            # As the ledger does: what may still be under way is looked for, not made again.
            if key not in under_way:
                under_way[key] = asyncio.create_task(vendor.write(key))
            try:
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.shield(under_way[key])
                call.answered(200)
            except TimeoutError:
                late += 1
                call.silent("timeout")
                raise TransientFailure("no answer", system="erp") from None

    async def change(number: int) -> None:
        while True:
            try:
                with calling(wait=10):
                    return await attempt(f"chg_{number}")
            except TransientFailure as fault:
                await asyncio.sleep(fault.retry_after or 1)

    await asyncio.gather(*(change(number) for number in range(_CHANGES)))
    return vendor, late, loop.time()


def main() -> int:
    limits = []
    for places in (2, 5, 20):
        used, share = run(refusing(places))
        limits.append(Limit(f"{places} places: capacity used", used, 95, " %", at_least=True))
        limits.append(Limit(f"{places} places: answers that are 429", share, 1, " %"))
    vendor, late, seconds = run(queueing())
    limits += [
        Limit("slow ERP: changes done", len(vendor.done), _CHANGES, at_least=True),
        Limit("slow ERP: writes of one change", max(vendor.done.values()), 1),
        Limit("slow ERP: writes without an answer", late, 0),
        Limit(
            "slow ERP: time / its own",
            seconds / (_CHANGES * _WRITE_SECONDS / 2),
            1.3,
        ),
    ]
    return told(limits)


if __name__ == "__main__":
    sys.exit(main())
