"""What every call to a vendor passes: how many at once, and none while it is away.

One of each connection and process. A call waits for a place only as long as its caller can: a
local activity hardly, because it holds up its saga's task, any other some seconds. Then, and at
once while the vendor is away, it fails with `NotNow`, which says when to come again: whoever waits,
waits in the engine and not here.

What is done in bulk waits in a row of its own: one place in so many is its when others wait too,
and while others call it never takes more than a part of them, so that a live call finds one free.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from canonical_models.failures import TransientFailure
from connectors.breaker import Breaker, State
from connectors.contracts import Contract
from connectors.limiter import Limiter

#: The longest wait of a write for its place, in seconds: so much later than it was begun it may go
#: out.
LONGEST_WAIT = 10.0
#: The same of a read: a step may have many to make, which wait for each other.
LONGEST_READ_WAIT = 120.0
#: The same of all that a local activity does.
AT_ONCE = 1.0
#: What usually takes longer, in seconds, is not begun where it holds up its saga's task.
SOON = 1.0
#: How long at most a task stays away from a vendor that has been away for long.
LONGEST_PAUSE = 300.0

#: So many may wait for a place who cannot wait for long: what one step reads side by side.
_ROW = 12

#: While others wait as well, each so-many-th place that becomes free is for what is done in bulk.
BULK_TURN = 9
#: And while others have called of late, in seconds, it has at most this part of the places.
_OTHERS_LATELY, _BULK_PART = 5.0, 8

_BUSY = 429
_LONGEST_REFUSAL = 30.0
#: Vendors count by the minute.
_LONGEST_SPENT = 60.0


class NotNow(TransientFailure):
    """The vendor was not asked: it is away, or all its places are taken. Says nothing about what
    was to be done, however often it comes."""


@dataclass
class Caller:
    """Somebody who calls vendors: how long a write may wait, whether it is in bulk, and whom it
    has called how often."""

    wait: float = LONGEST_WAIT
    bulk: bool = False
    called: "Counter[Governor]" = field(default_factory=Counter)


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def calling(wait: float, *, bulk: bool = False) -> Iterator[Caller]:
    """The calls of this block are this caller's, those of the tasks that it begins included."""
    caller = Caller(wait, bulk)
    token = _CALLER.set(caller)
    try:
        yield caller
    finally:
        _CALLER.reset(token)


@contextmanager
def counting() -> Iterator[Caller]:
    """The same caller, whose calls within the block are counted by themselves as well."""
    outer = _CALLER.get() or Caller()
    with calling(outer.wait, bulk=outer.bulk) as caller:
        try:
            yield caller
        finally:
            outer.called += caller.called


def in_bulk() -> bool:
    """Whether what calls now is done in bulk."""
    caller = _CALLER.get()
    return caller is not None and caller.bulk


def called() -> "frozenset[Governor]":
    """The connections that the caller has called so far."""
    caller = _CALLER.get()
    return frozenset(caller.called if caller else ())


class Call:
    """One call that has its place. Whoever makes it says what came of it, once."""

    def __init__(
        self, governor: "Governor", *, writes: bool, full: bool, patience: float | None
    ) -> None:
        self._governor, self._writes, self._full = governor, writes, full
        # What is given more time is not slow for taking it.
        self._scale = governor.limiter.patience / patience if patience else 1.0
        self._turn = governor.limiter.turn
        self._began = governor.now()
        self.told = False

    def answered(self, status: int, retry_after: float | None = None) -> None:
        governor, limiter = self._governor, self._governor.limiter
        self.told, now = True, governor.now()
        if status == _BUSY:
            if limiter.limit == 1:
                governor.refused(now, retry_after)
            limiter.refused(turn=self._turn)
        else:
            governor.refusals = 0
            seconds = now - self._began
            governor.typical += (seconds - governor.typical) / 10
            limiter.answered(
                seconds * self._scale, turn=self._turn, full=self._full, writes=self._writes
            )
        if status >= 500:
            governor.breaker.failed(now, f"it answers with status {status}")
        else:
            governor.answered(now)

    def spent(self, seconds: float) -> None:
        """The vendor takes no more of anything for so long, and has said so before it refuses."""
        self._governor.spent(self._governor.now(), seconds)

    def unreachable(self, reason: str) -> None:
        self.told = True
        self._governor.breaker.failed(self._governor.now(), f"it cannot be reached ({reason})")

    def silent(self, reason: str) -> None:
        self.told = True
        self._governor.limiter.silent(turn=self._turn)
        self._governor.breaker.failed(self._governor.now(), f"it gives no answer ({reason})")


class Governor:
    """`name` is the connection's, `patience` the seconds after which its calls are given up."""

    def __init__(
        self,
        name: str,
        *,
        patience: float = 20,
        most: int = 32,
        start: int = 2,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.limiter = Limiter(patience=patience, most=most, start=start)
        self.breaker = Breaker(since=now())
        #: Whether its answers are as we read them, which tells nothing of how many it takes.
        self.contract = Contract(name, now)
        self.now = now
        self.in_flight = 0
        #: Of these, what is done in bulk.
        self.in_bulk = 0
        #: Seconds that an answer takes, of late.
        self.typical = 0.0
        #: 429s in a row to the one call that is left at a time.
        self.refusals = 0
        self._paused_until = float("-inf")
        #: By whether it is done in bulk.
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {False: deque(), True: deque()}
        #: When others than bulk called last, and how many got a place since bulk has waited.
        self._others_at = float("-inf")
        self._others_since = 0
        #: Set once the call that asks whether it is back has been told.
        self._asked: asyncio.Event | None = None

    @property
    def well_for(self) -> float:
        """Seconds since it was away last, or since we know it; 0 while it is away."""
        closed = self.breaker.state is State.CLOSED
        return self.now() - self.breaker.since if closed else 0.0

    @property
    def places(self) -> int:
        """How many tasks of this connection are worth while to have begun now."""
        if not self.breaker.has_place(self.now()):
            return 0
        return self.limiter.limit if self.breaker.state is State.CLOSED else 1

    def require_free(self, system: str) -> None:
        """Raises NotNow unless a write would have its place at once, and its answer soon."""
        if self.breaker.state is not State.CLOSED:
            raise self._away(system)
        if (
            not self._is_free(bulk=in_bulk())
            or self.now() < self._paused_until
            or self.limiter.usual_write > SOON
        ):
            raise self._busy(system, bulk=in_bulk())

    def answered(self, now: float) -> None:
        """It is there."""
        if self.breaker.state is not State.CLOSED:
            self.back()
        self.breaker.answered(now)

    def back(self) -> None:
        """It was away and is there again."""
        self.limiter.begin_anew()
        self.breaker.close(self.now())

    def refused(self, now: float, retry_after: float | None) -> None:
        """Fewer than one at a time is one now and then."""
        pause = min(2.0**self.refusals / 2, _LONGEST_REFUSAL)
        self._paused_until = now + max(pause, retry_after or 0)
        self.refusals = min(self.refusals + 1, 10)

    def spent(self, now: float, seconds: float) -> None:
        """What the vendor allows in a span of time is used up: nobody asks until the next one."""
        self._paused_until = max(self._paused_until, now + min(seconds, _LONGEST_SPENT))

    @asynccontextmanager
    async def call(
        self, system: str, *, writes: bool = False, patience: float | None = None
    ) -> AsyncIterator[Call]:
        """A place for one call, which has `patience` seconds. Raises NotNow."""
        caller = _CALLER.get() or Caller()
        caller.called[self] += 1
        hurried = caller.wait <= AT_ONCE
        wait = caller.wait if writes or hurried else LONGEST_READ_WAIT
        # What a step reads side by side waits for the one of them that asks: were it refused, the
        # step would give up the others, and it would never be heard that the vendor is back.
        await self._until_told(wait)
        await self._place(system, wait, hurried=hurried, bulk=caller.bulk)
        asked = None
        if self.breaker.state is State.PROBING:
            asked = self._asked = asyncio.Event()
        full = bool(self._waiting[False]) or self.in_flight >= self.limiter.limit
        call = Call(self, writes=writes, full=full, patience=patience)
        try:
            yield call
        finally:
            if not call.told:
                self.breaker.given_up()
            if asked is not None:
                asked.set()
            self._free(bulk=caller.bulk)

    async def _until_told(self, wait: float) -> None:
        if self._asked is not None and not self._asked.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._asked.wait()

    @property
    def bulk_places(self) -> int:
        """How many calls at once may be done in bulk now."""
        limit = self.limiter.limit
        if self.now() - self._others_at > _OTHERS_LATELY:
            return limit
        return max(limit // _BULK_PART, 1)

    def _is_free(self, *, bulk: bool) -> bool:
        if self.in_flight >= self.limiter.limit or self._waiting[bulk]:
            return False
        return not bulk or (not self._waiting[False] and self.in_bulk < self.bulk_places)

    async def _place(self, system: str, wait: float, *, hurried: bool, bulk: bool) -> None:
        if not bulk:
            self._others_at = self.now()
        if not self.breaker.has_place(self.now()):
            raise self._away(system)
        if self._is_free(bulk=bulk):
            self._take(bulk=bulk)
        else:
            row = max(self.bulk_places if bulk else self.limiter.limit, _ROW)
            if hurried and len(self._waiting[bulk]) >= row:
                raise self._busy(system, bulk=bulk)
            await self._wait(system, wait, bulk=bulk)
        if self.now() < self._paused_until:
            self._free(bulk=bulk)
            raise self._busy(system, bulk=bulk)
        if not self.breaker.may_call(self.now()):
            self._free(bulk=bulk)
            raise self._away(system)

    async def _wait(self, system: str, wait: float, *, bulk: bool) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting[bulk].append(place)
        try:
            async with asyncio.timeout(wait):
                await place
        except TimeoutError:
            self._leave(place, bulk=bulk)
            raise self._busy(system, bulk=bulk) from None
        except BaseException:
            self._leave(place, bulk=bulk)
            raise

    def _leave(self, place: "asyncio.Future[None]", *, bulk: bool) -> None:
        if place.done() and not place.cancelled():
            self._free(bulk=bulk)
        elif place in self._waiting[bulk]:
            self._waiting[bulk].remove(place)

    def _take(self, *, bulk: bool) -> None:
        self.in_flight += 1
        self.in_bulk += bulk
        if bulk:
            self._others_since = 0
        elif self._waiting[True]:
            self._others_since += 1

    def _free(self, *, bulk: bool) -> None:
        """Places that have become free go to those who wait, in their order."""
        self.in_flight -= 1
        self.in_bulk -= bulk
        while self.in_flight < self.limiter.limit and (whose := self._next()) is not None:
            place = self._waiting[whose].popleft()
            if not place.done():
                self._take(bulk=whose)
                place.set_result(None)

    def _next(self) -> bool | None:
        """Whether bulk is next; None where nobody waits who may have a place."""
        may = bool(self._waiting[True]) and self.in_bulk < self.bulk_places
        if may and (not self._waiting[False] or self._others_since >= BULK_TURN - 1):
            return True
        return False if self._waiting[False] else None

    def _away(self, system: str) -> NotNow:
        now = self.now()
        away = max(now - self.breaker.since, 0.0)
        pause = max(self.breaker.probe_at - now, min(away / 20, LONGEST_PAUSE), 1.0)
        return NotNow(
            f"{system} is away ({self.name}: {self.breaker.reason}): nothing is sent to it until "
            "it is back, which is looked for all the time; then this goes on by itself",
            system=system,
            # Not all at the same moment.
            retry_after=pause * random.uniform(1.0, 1.2),  # noqa: S311 - no secret
        )

    def _busy(self, system: str, *, bulk: bool) -> NotNow:
        paused = self._paused_until - self.now()
        if paused > 0:
            return NotNow(
                f"{system} takes nothing more for now, as it has said ({self.name}): this goes on "
                "by itself when it does",
                system=system,
                retry_after=max(paused, 1.0) * random.uniform(1.0, 1.2),  # noqa: S311 - no secret
            )
        places = self.bulk_places if bulk else self.limiter.limit
        ahead = (len(self._waiting[bulk]) + 1) * self.typical / places
        return NotNow(
            f"{system} has as many calls as it takes ({self.name}: {self.limiter.limit} at once): "
            "this waits for its turn",
            system=system,
            retry_after=min(max(ahead, 1.0), 10.0) * random.uniform(1.0, 1.2),  # noqa: S311 - no secret
        )
