"""The lanes of this worker: it alone asks for tasks of the queues of the legal entities that it
posts for, with one slot each. A worker that dies loses its lanes within seconds."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Self

import psycopg
import structlog
from temporalio.worker import Worker

from persistence import lanes
from persistence.database import Database
from runtime.metrics import LANE_HELD

log = structlog.get_logger(__name__)

#: (tenant, legal entity)
Lane = tuple[str, str]


@dataclass(frozen=True)
class _Polled:
    worker: Worker
    running: "asyncio.Task[None]"


class Lanes:
    """Those of `tenants`. `make` makes the worker of a lane's queue."""

    def __init__(
        self,
        database: Database,
        make: Callable[[str, str], Worker],
        *,
        tenants: Collection[str],
        build: str,
        name: str,
    ) -> None:
        self._database, self._make = database, make
        self._tenants, self._build = tenants, build
        self._holder = f"{name}/{secrets.token_hex(4)}"
        self._polled: dict[Lane, _Polled] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def held(self) -> frozenset[Lane]:
        return frozenset(self._polled)

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_fault: object) -> None:
        """The lanes are free afterwards."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._poll(())
        await asyncio.gather(*self._ending, return_exceptions=True)
        try:
            async with self._database.statement() as conn:
                await lanes.give_up(conn, holder=self._holder)
        except (psycopg.Error, OSError) as fault:
            log.warning("lanes not given up", error=type(fault).__name__)

    async def poll(self) -> None:
        async with self._database.statement() as conn:
            held = await lanes.hold(
                conn, build=self._build, holder=self._holder, tenants=self._tenants
            )
        self._poll(held)

    async def _run(self) -> None:
        while self._tenants:
            try:
                await self.poll()
            except (psycopg.Error, OSError) as fault:
                log.warning("lanes not looked at", error=type(fault).__name__)
            await asyncio.sleep(lanes.EVERY)

    def _poll(self, held: Collection[Lane]) -> None:
        for lane in [lane for lane in self._polled if lane not in held]:
            # A posting that is under way is ended; another worker may begin the next meanwhile.
            LANE_HELD.remove(*lane)
            ending = asyncio.create_task(_ended(self._polled.pop(lane)))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        for lane in held:
            polled = self._polled.get(lane)
            if polled is not None and polled.running.done():
                log.error("a lane's worker has ended", lane=lane, why=repr(_fault(polled.running)))
                polled = None
            if polled is None:
                LANE_HELD.labels(*lane).set(1)
                worker = self._make(*lane)
                self._polled[lane] = _Polled(worker, asyncio.create_task(worker.run()))


async def _ended(polled: _Polled) -> None:
    await polled.worker.shutdown()
    await asyncio.gather(polled.running, return_exceptions=True)


def _fault(ended: "asyncio.Task[None]") -> BaseException | None:
    return None if ended.cancelled() else ended.exception()
