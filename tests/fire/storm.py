"""What breaks while lives go on: processes that are killed and stopped, and answers that vendors
fail to give.

The simulators keep every request in one transaction of a file of their own, and Tryton its books in
a database: all of them may be killed. The fault proxies keep rules in memory, and are not.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

import httpx
import psutil
from temporalio.client import Client

from tests.fire.deciding import meddle
from tests.fire.figures import Figures
from tests.fire.people import People
from tests.fire.stack import Fire
from tests.fire.story import Blow, Story
from tests.harness.waiting import until

#: Whoever waits for the next deed waits as long as the lives do.
_EVER = 86400.0
#: Some of them longer than a heartbeat.
_STOPPED_SECONDS = (1.5, 8.0)
#: Until a part that was killed is up again, while everything else runs on the same cores.
_UP_SECONDS = 300.0
#: Seconds until a fault is over that no request has met.
_LASTS = 20.0
#: Processes that are down at a time.
_DOWN = 3
_GATEWAY = "<html><body>the gateway answers, and not the system behind it</body></html>"
_REFUSED = '{"error": "RecordInvalid", "description": "Record validation errors", "details": {}}'


@dataclass
class Storm:
    """`progress` is the share of deeds that is done; `client` is for what operators do."""

    fire: Fire
    story: Story
    figures: Figures
    people: People
    client: Client
    progress: Callable[[], float]
    times: Mapping[str, tuple[float, float]]
    fallen: int = 0
    _parts: dict[str, asyncio.Lock] = field(default_factory=dict)
    _armed: dict[tuple[str, int], str] = field(default_factory=dict)

    async def rage(self) -> None:
        """Until every blow has fallen and what it hit is up again."""
        room = asyncio.Semaphore(_DOWN)
        async with asyncio.TaskGroup() as group:
            for blow in self.story.blows:
                await until(partial(self._due, blow), f"{blow} is due", seconds=_EVER)
                await room.acquire()
                group.create_task(self._fall(blow)).add_done_callback(lambda _: room.release())

    async def _fall(self, blow: Blow) -> None:
        random = Random(blow.dice)
        match blow.what:
            case "kill":
                async with self._part(blow.on):
                    await self._kill(blow.on)
            case "stop":
                async with self._part(blow.on):
                    await self._stop(blow.on, random.uniform(*_STOPPED_SECONDS))
            case "fault":
                made = await self.fire.fault(blow.on, **self._rule(blow, random))
                self._armed[blow.on, int(made["id"])] = blow.how
            case "operator":
                if await meddle(self.client, blow, self.people):
                    self.figures.acts[blow.how] += 1
        self.fallen += 1

    async def _due(self, blow: Blow) -> bool:
        return self.progress() >= blow.at

    def _part(self, name: str) -> asyncio.Lock:
        return self._parts.setdefault(name, asyncio.Lock())

    async def _kill(self, name: str) -> None:
        pid = self.fire.facts.pids[name]
        victim = _server_of(pid) if name == "tryton" else pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.figures.kills[name] += 1

        async def again() -> bool:
            return self.fire.facts.pids[name] != pid

        await until(again, f"{name} up again", seconds=_UP_SECONDS, every=0.2)

    async def _stop(self, name: str, seconds: float) -> None:
        pid = self.fire.stop(name)
        goes_on = time.monotonic() + seconds

        async def over() -> bool:
            return time.monotonic() > goes_on

        try:
            await until(over, f"{name} stood still", seconds=2 * seconds)
        finally:
            self.fire.cont(pid)
        self.figures.stops[name] += 1

    def _rule(self, blow: Blow, random: Random) -> dict[str, object]:
        """Of one to three requests, of whatever kind or of writes alone, as long as it lasts: a
        breaker that is open asks once a minute, and would meet a fault each time."""
        timeout, lands = self.times[blow.on]
        rule: dict[str, object] = {"times": random.randint(1, 3), "seconds": _LASTS}
        if random.random() < 0.6:
            rule["method"] = "PUT" if blow.on in ("zendesk", "app") else "POST"
        match blow.how:
            case "lost before":
                return rule | {"action": "drop_before"}
            case "429":
                return rule | {
                    "action": "status",
                    "status": 429,
                    "headers": {"retry-after": "1"},
                }
            case "500":
                return rule | {"action": "status", "status": 500}
            case "gateway 503" | "gateway 404":
                status = int(blow.how.rpartition(" ")[2])
                return rule | {"action": "status", "status": status, "body": _GATEWAY}
            case "slow":
                # Nobody waits any more, and it is carried out all the same, as late as may be.
                later = timeout + min(0.5, (lands - timeout) / 3)
                return rule | {"action": "delay", "delay_ms": round(later * 1000)}
            case "reset":
                return rule | {"action": "reset", "forward": random.random() < 0.5}
            case "refused" if blow.on == "zendesk":
                refusal = {"action": "status", "status": 422, "body": _REFUSED}
                return rule | refusal | {"method": "PUT", "times": 1}
            case _:
                return rule | {"action": "drop_after"}

    async def clear(self) -> None:
        """No more faults; how often each kind has hit."""
        for system in self.fire.proxies:
            try:
                fired = await self.fire.fired(system)
            except httpx.HTTPError:
                continue
            for rule, count in fired.items():
                self.figures.faults[system, self._armed[system, rule]] += count
        await self.fire.no_faults()


def _server_of(wrapper: int) -> int:
    """The process that is Tryton itself: what starts it is killed by others."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(wrapper).children(recursive=True):
            if any("trytond" in word for word in child.cmdline()[:2]):
                return child.pid
    return wrapper
