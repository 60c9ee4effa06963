"""The dispatcher: from received events to open sagas, each subscription's changes in order.

    inbox -> changes -> claim (oldest of each subject, by turns, bounded) -> start

All state is in PostgreSQL, so several may run side by side, and one that is killed is taken over.
It works when it is told to (LISTEN) and looks by itself every `poll_seconds`.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta

import psycopg
import structlog
from prometheus_client import Counter
from temporalio.client import Client
from temporalio.service import RPCError

from dispatch.asking import Asker, EventReader
from dispatch.checking import ProcessWatch
from dispatch.delivering import Deliverer
from dispatch.gate import Gate
from dispatch.gathering import Gathering
from dispatch.listening import listen
from dispatch.reading import Contracts, Translators, read_inbox, warn_of_others
from dispatch.signalling import Signaller
from dispatch.starting import Starter, StartRefused, TemporalAway
from dispatch.watching import SagaWatch
from persistence import change_queue, changes, decisions, inbox, worklist
from persistence.change_queue import Claim, Turns
from persistence.database import Database
from persistence.turns import BULK_PART
from persistence.worklist import Worklist
from runtime.settings import DispatchSettings

log = structlog.get_logger()

#: PostgreSQL is away, or too slow; the same will work later.
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, OSError)

#: A claim that nobody renews for this long belonged to a process that died, in seconds.
_LEASE_S = 4.0
#: A saga that has closed has settled its change long before this, in seconds.
_SETTLED_WITHIN_S = 5.0
_STOP_S = 2.0
#: Some of what the engine was told of are looked for this often, in seconds.
_CHECK_S = 60.0
#: One place in so many is kept for tenants that have nothing at work.
_RESERVED = 8

STARTS = Counter("trueup_dispatch_starts", "Sagas by how their start went.", ("tenant", "result"))
LOST = Counter("trueup_dispatch_lost_sagas", "Sagas that closed without settling their change.")
LOST_PROCESSES = Counter(
    "trueup_dispatch_lost_processes", "Processes that the engine was told of and did not have."
)


class Dispatcher:
    """`run()` until cancelled. `translators` is keyed by (tenant, connection); `refill` puts into
    an engine that has lost its store what is neither a process nor a change. `settling` says by
    tenant for how many seconds the events of one act are gathered, `cash` are the tenants whose
    payouts are booked, `asking` is the billing of those connections whose events may not show what
    they are about; `written` is called when there may be rows that wait for their seal, or
    events that wait to be sent; in `contracts` is noted what of events does not fit."""

    def __init__(  # noqa: PLR0913 - what it is made of, most of it optional
        self,
        settings: DispatchSettings,
        database: Database,
        client: Client,
        translators: Translators,
        *,
        task_queue: str,
        refill: Callable[[], Awaitable[None]] | None = None,
        settling: Mapping[str, float] | None = None,
        cash: Collection[str] = (),
        asking: Mapping[tuple[str, str], EventReader] | None = None,
        written: Callable[[], None] = lambda: None,
        contracts: Contracts | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._translators = translators
        self._cash = cash
        self._written = written
        self._contracts = contracts or {}
        self._asker = Asker(database, asking or {})
        self._unshown = asyncio.Event()
        self._starter = Starter(client, task_queue)
        self._gathering = Gathering(database, settling or {})
        self._teller = Signaller(database, client, task_queue)
        self._deliverer = Deliverer(database, client)
        self._watch = SagaWatch(
            database, client, settled_within=timedelta(seconds=_SETTLED_WITHIN_S)
        )
        self._processes = ProcessWatch(database, client, refill=refill)
        self._lease = timedelta(seconds=max(_LEASE_S, 2 * settings.poll_seconds))
        # Where there is one tenant only, nobody else needs a place.
        tenants = {tenant for tenant, _ in translators}
        self._turns = Turns(
            secrets.token_hex(8),
            reserved=settings.in_flight // _RESERVED if len(tenants) > 1 else 0,
            bulk_most=max(settings.in_flight // BULK_PART, 1),
        )
        self._gate = Gate()
        self._wake = asyncio.Event()
        self._unread = True
        self._news = asyncio.Event()
        self._decided = asyncio.Event()
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        #: Runs by their changes, which may not have begun yet.
        self._started: dict[str, str] = {}

    async def run(self) -> None:
        """Changes in hand go back to the queue when this is cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(listen(self._database.dsn, self._woken))
                group.create_task(self._upon(self._news, self._teller.tell))
                group.create_task(self._upon(self._decided, self._deliverer.deliver))
                group.create_task(self._upon(self._unshown, self._asker.ask))
                group.create_task(self._every(self._settings.poll_seconds, self._poll, group))
                group.create_task(self._every(_SETTLED_WITHIN_S, self._sweep, group))
                group.create_task(self._every(_CHECK_S, self._check, group))
                await self._dispatch(group)
        finally:
            await self._give_back()

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read()
                await self._claim(group)
            except _AWAY as fault:
                log.warning("dispatch held up by the database", error=_name(fault))
                await asyncio.sleep(min(1.0, self._settings.poll_seconds))
                self._unread = True
            if self._unread:
                self._wake.set()

    async def _read(self) -> None:
        if self._unread:
            # Before the look: what is told of meanwhile is looked for again.
            self._unread = False
            more = await read_inbox(
                self._database,
                self._translators,
                cash=self._cash,
                aside=self._unshown.set,
                contracts=self._contracts,
            )
            self._unread = self._unread or more

    def _woken(self, channel: str | None) -> None:
        """What an event was received for, no process hears of before its change is settled."""
        if channel in (decisions.CHANNEL, None):
            self._decided.set()
        if channel == decisions.CHANNEL:
            return
        self._wake.set()
        self._written()
        if channel != changes.CHANNEL:
            self._unread = True
        if channel != inbox.CHANNEL:
            self._news.set()

    async def _upon(self, event: asyncio.Event, tell: Callable[[], Awaitable[object]]) -> None:
        """Beside the claims: what is told late keeps no change waiting."""
        while True:
            await event.wait()
            event.clear()
            try:
                await tell()
            except (*_AWAY, RPCError, RuntimeError) as fault:
                log.warning("telling put off", error=_name(fault))

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        most = self._gate.most(self._settings.in_flight)
        if most == 0:
            return
        async with self._database.transaction() as conn:
            claims = await change_queue.claim(
                conn, in_flight=self._settings.in_flight, most=most, turns=self._turns
            )
        self._launch(claims, group)

    def _launch(self, claims: tuple[Claim, ...], group: asyncio.TaskGroup) -> None:
        for claim in claims:
            self._in_hand[claim.change_id] = group.create_task(self._start(claim))

    async def _start(self, claim: Claim) -> None:
        try:
            result = await self._outcome_of_start(claim)
            STARTS.labels(claim.tenant, result).inc()
        except _AWAY as fault:
            # Its lease runs out, and the next start finds out whether the saga is open.
            log.warning("start not written down", change_id=claim.change_id, error=_name(fault))
        # Not after a cancellation: what was in hand then is given back.
        self._in_hand.pop(claim.change_id, None)

    async def _outcome_of_start(self, claim: Claim) -> str:
        known = log.bind(tenant=claim.tenant, change_id=claim.change_id)
        if not await self._gathering.needs_saga(claim):
            known.info("told already: no saga is needed", subject=claim.subject)
            return "told"
        try:
            run_id = await self._starter.start(claim)
        except TemporalAway as fault:
            pause = self._gate.close()
            asyncio.get_running_loop().call_later(pause, self._wake.set)
            known.warning("Temporal is away; the change waits", error=str(fault), pause=pause)
            await self._put_back(claim, reset_attempts=True)
            return "away"
        except StartRefused as fault:
            known.error("Temporal refuses to start the saga; the change waits", error=str(fault))
            await self._put_back(claim, reset_attempts=False)
            return "refused"
        if self._gate.open():
            self._wake.set()
        # The saga says so itself as soon as it begins: see `_poll`.
        self._started[claim.change_id] = run_id
        known.info("saga started", subject=claim.subject, run_id=run_id)
        return "started"

    async def _put_back(self, claim: Claim, *, reset_attempts: bool) -> None:
        async with self._database.transaction() as conn:
            await change_queue.put_back(conn, [claim.change_id], reset_attempts=reset_attempts)

    async def _poll(self, group: asyncio.TaskGroup) -> None:
        """Behind the notifications: renew what is in hand, write down runs that have not begun yet,
        take over what a dead one had."""
        mine, started = list(self._in_hand), dict(self._started)
        if mine:
            async with self._database.transaction() as conn:
                await change_queue.renew(conn, mine)
        async with self._database.statement() as conn:
            found = await worklist.read(conn, lease=self._lease, started=started)
            if found.not_begun:
                await change_queue.open_as(conn, {of: started[of] for of in found.not_begun})
        for change_id, run_id in started.items():
            if self._started.get(change_id) == run_id:
                del self._started[change_id]
        if found.abandoned:
            async with self._database.transaction() as conn:
                abandoned = await change_queue.reclaim(
                    conn, lease=self._lease, mine=mine, by=self._turns.dispatcher
                )
            self._launch(abandoned, group)
        self._set_off(found)
        if found.newer:
            await self._watch.tell_of_newer()

    def _set_off(self, found: Worklist) -> None:
        if found.unread or found.ready:
            self._unread |= found.unread
            self._wake.set()
        if found.unshown:
            self._unshown.set()
        if found.unacknowledged:
            self._news.set()
        if found.decided:
            self._decided.set()
        if found.unsealed:
            self._written()

    async def _sweep(self, _group: asyncio.TaskGroup) -> None:
        LOST.inc(await self._watch.requeue_lost())

    async def _check(self, _group: asyncio.TaskGroup) -> None:
        LOST_PROCESSES.inc(await self._processes.poll())
        await warn_of_others(self._database, self._translators)

    async def _every(
        self,
        seconds: float,
        poll: Callable[[asyncio.TaskGroup], Awaitable[None]],
        group: asyncio.TaskGroup,
    ) -> None:
        while True:
            try:
                await poll(group)
            except (*_AWAY, RPCError, RuntimeError) as fault:
                log.warning("poll put off", poll=poll.__name__, error=_name(fault))
            await asyncio.sleep(seconds)

    async def _give_back(self) -> None:
        """A start that was under way may have happened; whoever claims it next finds out."""
        if self._in_hand or self._started:
            with contextlib.suppress(*_AWAY):
                async with asyncio.timeout(_STOP_S), self._database.transaction() as conn:
                    await change_queue.open_as(conn, self._started)
                    await change_queue.put_back(conn, list(self._in_hand), reset_attempts=True)


def _name(fault: BaseException) -> str:
    """The text of a database error may hold the values of a statement."""
    return type(fault).__name__
