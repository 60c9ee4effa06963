"""What pages that are open are told: that something of theirs has changed, and never what.

One look a process every two seconds while anybody listens, whoever listens to what. A page that
hears of its topic asks for its part by the ordinary address, with the ordinary permission; so what
is lost is found with the next look, and nothing can leak.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from canonical_models.acts import Act
from operations import permissions, positions
from operations.context import AppContext
from operations.errors import NO_DATABASE, Unavailable
from operations.permissions import Thing
from operations.positions import Change
from operations.sign_in import SignedIn

log = structlog.get_logger()

EVERY = 2.0
#: A page that hears nothing for longer than some of these says that it is not live.
BEAT = 20.0
#: How often it is looked at whether the session still holds.
SESSION = 45.0
MOST_OF_A_PERSON, MOST = 4, 500
#: What was missed for longer is not told: the page is old, and says when it was made.
LONGEST = timedelta(hours=1)
#: A transaction is seen when it ends, and says when it began: so far back is looked again, and so
#: much later a change may have come to be seen than it says.
_OVERLAP = timedelta(seconds=15)
_SEEN_MS = 1000


def now_ms() -> int:
    return int(time.time() * 1000)


def seen_by(person: SignedIn, changes: Iterable[Change]) -> dict[str, int]:
    """By `company/topic`, when it came to be seen at the latest, in milliseconds: of what they may
    see."""
    told: dict[str, int] = {}
    for each in changes:
        if not _may(person, each.tenant, positions.act_of(each.topic)):
            continue
        topic, at = f"{each.tenant}/{each.topic}", int(each.at.timestamp() * 1000) + _SEEN_MS
        told[topic] = max(at, told.get(topic, 0))
    return told


async def missed(context: AppContext, person: SignedIn, since: int) -> dict[str, int]:
    """What has changed after a page was made, by its clock in milliseconds."""
    passed = timedelta(milliseconds=max(now_ms() - since, 0))
    within = min(passed + _OVERLAP, LONGEST)
    return seen_by(person, await positions.of_late(context, tuple(person.roles), within))


def _may(person: SignedIn, company: str, act: Act) -> bool:
    who = person.within(company)
    if who is None:
        return False
    return isinstance(permissions.may(who, act, Thing(company)), permissions.Yes)


@dataclass(eq=False)
class Listener:
    """One stream. What was not sent yet is kept once a topic, however often it has changed."""

    person: SignedIn
    waiting: dict[str, int] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def tell(self, changes: dict[str, int]) -> None:
        self.waiting |= changes
        self.woken.set()

    def end(self) -> None:
        self.ended = True
        self.woken.set()


class Live:
    """All streams of this process."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._listeners: set[Listener] = set()
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    def join(self, person: SignedIn) -> Listener:
        """Raises Unavailable for one too many."""
        own = sum(each.person.person_id == person.person_id for each in self._listeners)
        if self._closed or own >= MOST_OF_A_PERSON or len(self._listeners) >= MOST:
            raise Unavailable(
                "no more pages are kept live here", remedy="load the page again to see what is new"
            )
        listener = Listener(person)
        self._listeners.add(listener)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """Streams end first: a server that stops waits for answers that are not at their end."""
        self._closed = True
        for each in self._listeners:
            each.end()

    async def stop(self) -> None:
        self.close()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        """As long as anybody listens."""
        seen: set[tuple[str, str, str]] = set()
        first, beaten = True, 0.0
        while self._listeners and not self._closed:
            companies = {name for each in self._listeners for name in each.person.roles}
            try:
                found = await positions.of_late(self._context, companies, _OVERLAP)
            except NO_DATABASE as fault:
                # Nobody hears a beat: the pages say that they are not live.
                log.warning("positions not read", error=type(fault).__name__)
            else:
                fresh = [each for each in found if _key(each) not in seen]
                seen = {_key(each) for each in found}
                beats = time.monotonic() - beaten >= BEAT
                self._tell(fresh, first=first, beat=beats)
                first, beaten = False, time.monotonic() if beats else beaten
            await asyncio.sleep(EVERY)

    def _tell(self, fresh: list[Change], *, first: bool, beat: bool) -> None:
        at = now_ms()
        for each in self._listeners:
            told = seen_by(each.person, fresh)
            # Of what was not there two seconds ago it is known when it came to be seen.
            topics = told if first else dict.fromkeys(told, at)
            if topics or beat:
                each.tell(topics)


def _key(change: Change) -> tuple[str, str, str]:
    return change.tenant, change.topic, change.mark


async def events(
    listener: Listener, still: Callable[[], Awaitable[SignedIn | None]]
) -> AsyncIterator[str]:
    """As `text/event-stream`, until it is told to end or its session is over."""
    # Browsers connect again by themselves at once, and all of them: `live.js` does it later.
    yield "retry: 3600000\n\n"
    looked = time.monotonic()
    while not listener.ended:
        told, listener.waiting = listener.waiting, {}
        listener.woken.clear()
        for topic, number in told.items():
            yield _event("position", {"topic": topic, "number": number})
        yield _event("beat", {"at": now_ms()})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(looked + SESSION - time.monotonic(), 0)):
                await listener.woken.wait()
        if time.monotonic() - looked >= SESSION:
            person = await still()
            if person is None:
                yield _event("over", {})
                return
            listener.person, looked = person, time.monotonic()


def _event(kind: str, data: dict[str, str | int]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
