"""Slots of a worker whose number is found out anew for each task."""

import asyncio
import threading
from collections.abc import Callable

from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

#: How often it is looked whether there are more, in seconds.
_LOOK = 0.2


class MovingSlots(CustomSlotSupplier):
    """As many as `places` says. A task is not taken from its queue before it has a slot: what
    waits, waits there, without an attempt."""

    def __init__(self, places: Callable[[], int]) -> None:
        self._places = places
        self._taken = 0
        # The engine's core gives slots back from threads of its own.
        self._lock = threading.Lock()
        self._freed: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        if self._freed is None:
            self._loop, self._freed = asyncio.get_running_loop(), asyncio.Event()
        while (permit := self.try_reserve_slot(ctx)) is None:
            self._freed.clear()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._freed.wait()
            except TimeoutError:
                continue
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        del ctx
        with self._lock:
            if self._taken >= self._places():
                return None
            self._taken += 1
            return SlotPermit()

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """A slot counts from when it is reserved."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        del ctx
        with self._lock:
            self._taken -= 1
        if self._loop is not None and self._freed is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._freed.set)


def moving(places: Callable[[], int]) -> WorkerTuner:
    """For a worker of activities alone."""
    one = FixedSizeSlotSupplier(1)
    return WorkerTuner.create_composite(
        workflow_supplier=one,
        activity_supplier=MovingSlots(places),
        local_activity_supplier=one,
        nexus_supplier=one,
    )
