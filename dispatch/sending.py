"""The sender: tells streams of events, by HTTP each as it comes, by mail in digests.

All state is in PostgreSQL, so several may run side by side, and one that is killed is taken over.
Of each subject one event is under way to a receiver, the oldest: one that is not taken keeps back
what comes after it of its subject, and nothing else. It works when it is woken, and looks by
itself.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import psycopg
import structlog

from canonical_models.streams import BACK_OFF, GONE, Answer, DeliveryState
from dispatch.notifying import Notifier
from persistence import deliveries, streams
from persistence.database import Database
from persistence.deliveries import Due
from persistence.streams import Receiver
from runtime.metrics import DELIVERIES
from runtime.pushing import PATIENCE, Pusher
from runtime.settings import Settings

log = structlog.get_logger()

#: PostgreSQL is away; the same will work later.
_AWAY = (psycopg.Error, OSError)
#: Of one stream at a time, by one worker: who is slow keeps no other from being told.
_PLACES = 8
#: Seconds between two looks while something waits for its next try, and while nothing does.
_SOON_S, _EVERY_S = 1.0, 10.0


class Sender:
    """`run()` until cancelled; `wake()` says that there may be something. `back_off` are the pauses
    between tries: after the last one it is dead."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        back_off: Sequence[timedelta] = BACK_OFF,
    ) -> None:
        self._database = database
        self._settings = settings
        self._back_off = back_off
        self._mail, self._pusher = Notifier(database, settings), Pusher(settings)
        self._wake = asyncio.Event()
        self._under_way: Counter[str] = Counter()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mails())
            while True:
                self._wake.clear()
                pause = _EVERY_S
                try:
                    for due in await self._claim():
                        group.create_task(self._send(due))
                    async with self._database.statement() as conn:
                        pause = _SOON_S if await streams.waiting(conn) else _EVERY_S
                except _AWAY as fault:
                    log.warning("events not sent on", error=type(fault).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def poll(self) -> int:
        """Send what may be sent now, once; how many events that was."""
        claimed = await self._claim()
        await asyncio.gather(*map(self._send, claimed))
        return len(claimed)

    async def _mails(self) -> None:
        while self._settings.notifications is not None:
            try:
                await self._mail.poll()
            except _AWAY as fault:
                log.warning("notifications put off", error=type(fault).__name__)
            await asyncio.sleep(_EVERY_S)

    async def _claim(self) -> list[Due]:
        claimed: list[Due] = []
        async with self._database.statement() as conn:
            for to in await streams.receivers(conn):
                if places := self._places(to):
                    claimed += await deliveries.claim(conn, to, places=places, patience=PATIENCE)
        self._under_way.update(due.to.stream for due in claimed)
        return claimed

    def _places(self, to: Receiver) -> int:
        """None of a tenant that this worker has no settings of."""
        if to.tenant not in self._settings.tenants:
            return 0
        return max(_PLACES - self._under_way[to.stream], 0)

    async def _send(self, due: Due) -> None:
        try:
            answer = await self._answer(due)
            await self._write_down(due, answer)
        except _AWAY as fault:
            # Its claim runs out, and it is sent once more.
            log.warning("delivery not written down", stream=due.to.name, error=type(fault).__name__)
        finally:
            self._under_way[due.to.stream] -= 1
            self._wake.set()

    async def _answer(self, due: Due) -> Answer:
        if due.event is None:
            return Answer(error="the retention policy has dropped the event")
        to = due.to
        return await self._pusher.send(to.tenant, to.url, to.secrets, due.event)

    async def _write_down(self, due: Due, answer: Answer) -> None:
        again_in = self._again_in(due, answer)
        async with self._database.transaction() as conn:
            state = await deliveries.record(conn, due, answer, again_in=again_in)
            await streams.went(conn, due.to.stream, answer, gone=answer.status == GONE)
        if state is None:
            return
        outcome = "failed" if state is DeliveryState.PENDING else state.value
        DELIVERIES.labels(due.to.tenant, outcome).inc()
        if not answer.taken:
            log.warning(
                "event not taken",
                tenant=due.to.tenant,
                stream=due.to.name,
                position=due.position,
                outcome=outcome,
                status=answer.status,
            )

    def _again_in(self, due: Due, answer: Answer) -> timedelta | None:
        """The receiver's own wish counts where it is longer; None after the last try."""
        if due.event is None or due.attempts >= len(self._back_off):
            return None
        return max(self._back_off[due.attempts], timedelta(seconds=answer.retry_after or 0))
