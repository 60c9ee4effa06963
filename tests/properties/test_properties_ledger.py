"""The effect ledger on a real PostgreSQL against a vendor without uniqueness: attempts that race,
an undo, late answers, lost ones, and processes that stand still or die at any await."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from random import Random
from typing import Any, TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from activities.effect import Effect
from activities.ledger import EffectLedger
from activities.sweeping import sweep_effects
from canonical_models.failures import (
    Failure,
    MayStillLand,
    Rejection,
    RejectionCode,
    TransientFailure,
)
from connectors.attempts import Alone
from persistence.connection import Connection
from persistence.database import Database
from persistence.effects import Stray
from tests.harness.slow_vendor import (
    REFERENCE,
    DraftAndFinal,
    Made,
    OneRequest,
    Request,
    Vendor,
    unanswered,
)

pytestmark = pytest.mark.timeout(900)

T = TypeVar("T")

#: Seconds, far more than a test takes: time passes when the machine says so.
LANDS_WITHIN = 1000.0


_EVENTS = [
    *["answer"] * 8,
    *("lose", "lose", "land", "land", "busy", "refuse", "go_on", "pass_time", "undo"),
    *["attempt"] * 3,
]


class StandingStill(Database):
    """The database of one process, which stands still before or after one of its transactions."""

    def __init__(self, database: Database, at: int | None) -> None:
        self._real, self._left = database, at
        self.goes_on = asyncio.Event()
        self.still = False

    async def _point(self) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            self._left = None
            self.still = True
            await self.goes_on.wait()
            self.still = False

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        await self._point()
        async with self._real.statement() as conn:
            yield conn
        await self._point()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        await self._point()
        async with self._real.transaction() as conn:
            yield conn
        await self._point()


class Racing(RuleBasedStateMachine):
    """Of one document. `adapter` is what of the vendor is used."""

    adapter: type[DraftAndFinal | OneRequest]
    once = False
    loop: asyncio.AbstractEventLoop
    database: Database
    #: The ledger as people read it.
    reader: psycopg.Connection[tuple[Any, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.vendor = Vendor()
        self.made = self.adapter(self.vendor)
        self.actors: list[asyncio.Task[object]] = []
        self.processes: list[StandingStill] = []
        self.undone = False
        self.reader.execute("delete from effects")

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def rest(self) -> None:
        """Until every process waits for the vendor, stands still, or has ended."""
        for _ in range(2000):
            waiting = sum(not request.answer.done() for request in self.vendor.sent)
            still = sum(process.still for process in self.processes)
            if waiting + still >= sum(not actor.done() for actor in self.actors):
                # What was set just now is heard in the next turns of the loop.
                before = self._picture()
                for _ in range(6):
                    await asyncio.sleep(0)
                if before == self._picture():
                    return
            await asyncio.sleep(0.0005)
        raise AssertionError("the processes do not come to rest")

    def _picture(self) -> tuple[object, ...]:
        return (
            len(self.vendor.sent),
            sum(request.answer.done() for request in self.vendor.sent),
            sum(process.still for process in self.processes),
            sum(actor.done() for actor in self.actors),
        )

    def effect(self, change: str) -> Effect[Made]:
        async def stray(made: Made) -> None:
            await self.vendor.credit(made, Alone())

        return Effect(
            key=f"document:acme/{REFERENCE}",
            tenant="acme",
            change_id=change,
            step=f"erp.document/{REFERENCE}",
            system="erp",
            operation="post",
            request=Made(number=0, state="posted"),
            result=Made,
            probe=self.made.probe,
            write=self.made.write,
            named=lambda made: (str(made.number), None),
            stray=stray,
            once=self.once,
            place="LE",
            lands_within=LANDS_WITHIN,
        )

    def begin(self, change: str, still_at: int | None, *, undo: bool = False) -> None:
        process = StandingStill(self.database, still_at)
        ledger, effect = EffectLedger(process), self.effect(change)
        work: Coroutine[Any, Any, object] = ledger.perform(effect)
        if undo:
            work.close()
            work = ledger.undo(effect, self.vendor.credit, left=self.made.left)

        async def told() -> object:
            try:
                return await work
            except Failure as failure:
                return failure

        async def start() -> None:
            self.processes.append(process)
            kept = _PROCESS.set(f"process {len(self.actors)}")
            self.actors.append(self.loop.create_task(told()))
            _PROCESS.reset(kept)
            await self.rest()

        self.run(start())

    def moved(self, request: Request, how: str) -> None:
        async def move() -> None:
            match how:
                case "land":
                    request.land()
                case "answer":
                    request.tell()
                case "lose":
                    request.fail(unanswered(request))
                case "busy":
                    request.fail(TransientFailure("busy", system="erp", retry_after=0))
                    self.vendor.sent.remove(request)
                case _:
                    gone = Rejection(RejectionCode.DOCUMENT_CONFLICT, "404", system="erp")
                    request.fail(gone)
            await self.rest()

        self.run(move())

    @initialize(which=st.integers(0, 59))
    def attempted(self, which: int) -> None:
        self.begin("chg_1", _still(which))

    @rule(seed=st.integers(0, 2**32 - 1), events=st.integers(1, 12))
    def happens(self, seed: int, events: int) -> None:
        # By a seed: what is drawn one by one repeats itself, and hardly ever goes far.
        chance = Random(seed)
        for _ in range(events):
            getattr(self, chance.choice(_EVENTS))(chance.randrange(60))
            self.one_at_most()

    def attempt(self, which: int) -> None:
        if self._at_work() < 3:
            self.begin("chg_2" if which % 3 == 0 else "chg_1", _still(which))

    def undo(self, which: int) -> None:
        # Seldom, for nothing is attempted any more after it.
        if which % 5 == 0 and self._at_work() < 4:
            self.undone = True
            self.begin("chg_1", _still(which), undo=True)

    def answer(self, which: int) -> None:
        if request := _chosen(self._waited_for(), which):
            self.moved(request, "answer")

    def lose(self, which: int) -> None:
        if request := _chosen(self._waited_for(), which):
            self.moved(request, "lose")

    def land(self, which: int) -> None:
        if request := _chosen([r for r in self.vendor.sent if not r.landed], which):
            self.moved(request, "land")

    def busy(self, which: int) -> None:
        if request := _chosen([r for r in self._waited_for() if not r.landed], which):
            self.moved(request, "busy")

    def refuse(self, which: int) -> None:
        if request := _chosen([r for r in self._waited_for() if not r.writes], which):
            self.moved(request, "refuse")

    def go_on(self, which: int) -> None:
        still = _chosen([process for process in self.processes if process.still], which)
        if still is None:
            return

        async def go() -> None:
            still.goes_on.set()
            await asyncio.sleep(0)
            await self.rest()

        self.run(go())

    def pass_time(self, which: int) -> None:
        if which % 3 == 0:
            self.time_passes()

    def time_passes(self) -> None:
        """Of what was sent nothing lands any more. A process that stands still where a repetition
        cannot be told has died: what it sends so late is not let go (connectors/attempts.py)."""

        async def move() -> None:
            if self.once:
                await self._die(lambda process: process.still)
            self.vendor.time_passes()
            await self.rest()

        self.run(move())
        self.reader.execute(
            "update effects set lands_until = lands_until - interval '2000 seconds' "
            "where lands_until > now()"
        )

    def _waited_for(self) -> list[Request]:
        return [request for request in self.vendor.sent if not request.answer.done()]

    def _at_work(self) -> int:
        return sum(not actor.done() for actor in self.actors)

    async def _die(self, which: Any) -> None:
        for process, actor in zip(self.processes, self.actors, strict=True):
            if which(process) and not actor.done():
                process.still = False
                await _ended(actor)

    @invariant()
    def one_at_most(self) -> None:
        live = self.vendor.live()
        state, result = self._row()
        assert len(live) <= 1, f"{live} stand, the row says {state}"
        if state == "compensated":
            assert not live, f"{live} stand, and the row says that nothing does"
        if state == "confirmed":
            assert result in live, f"the row says {result}, and {live} stand"

    def _row(self) -> tuple[str, int | None]:
        row = self.reader.execute(
            "select state, (result ->> 'number')::int from effects"
        ).fetchone()
        return ("none", None) if row is None else (row[0], row[1])

    def teardown(self) -> None:
        try:
            self._at_last()
        finally:
            self.run(self._die(lambda _: True))

    def _at_last(self) -> None:
        """Everything answers, and who has work tries until it is done."""
        self.run(self._die(lambda _: True))
        self.time_passes()
        for _ in range(20):
            before = len(self.actors)
            self.begin("chg_1", None, undo=self.undone)
            while self._waited_for():
                self.moved(self._waited_for()[0], "answer")
            told = self.actors[before].result()
            if not isinstance(told, MayStillLand | TransientFailure):
                break
            self.time_passes()
        self.time_passes()
        self.run(self._swept())
        state, result = self._row()
        assert state == ("compensated" if self.undone else "confirmed")
        assert self.vendor.live() == ([] if self.undone else [result])
        assert self.vendor.drafts() == []

    async def _swept(self) -> None:
        async def clear(stray: Stray) -> None:
            for number, state in self.vendor.documents.items():
                stands = stray.state == "confirmed" and number == self._row()[1]
                if state in ("draft", "posted") and not stands:
                    self.vendor.documents[number] = "credited"

        await sweep_effects(self.database, "acme", clear)


def _still(which: int) -> int | None:
    """After how many of its steps in the database a process stands still; most never do."""
    return which % 10 if which >= 40 else None


def _chosen(among: Sequence[T], which: int) -> T | None:
    return among[which % len(among)] if among else None


async def _ended(process: asyncio.Task[object]) -> None:
    """As a process that dies: nothing of it runs any more, what it has begun included."""
    while not process.done():
        for task in asyncio.all_tasks():
            if task.get_name() == process.get_name():
                task.cancel()
        await asyncio.sleep(0)


def _named_after(loop: asyncio.AbstractEventLoop, work: Any, **given: Any) -> asyncio.Task[Any]:
    """Tasks that a process begins are called as it is."""
    task = asyncio.Task(work, loop=loop, **given)
    name = _PROCESS.get()
    if name is not None:
        task.set_name(name)
    return task


_PROCESS: ContextVar[str | None] = ContextVar("process", default=None)


_SETTINGS = settings(
    max_examples=150,
    stateful_step_count=6,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def race(dsn: str, adapter: type[DraftAndFinal | OneRequest], *, once: bool) -> None:
    with asyncio.Runner() as runner, psycopg.connect(dsn, autocommit=True) as reader:
        loop = runner.get_loop()
        loop.set_task_factory(_named_after)
        database = Database(dsn, ping=False)

        async def opened() -> None:
            # By no process, so that its connections outlive them all.
            async with database.statement():
                return

        runner.run(opened())
        given = {
            "adapter": adapter,
            "once": once,
            "loop": loop,
            "database": database,
            "reader": reader,
        }
        try:
            run_state_machine_as_test(type("Race", (Racing,), given), settings=_SETTINGS)
        finally:
            runner.run(database.close())


@pytest.mark.slow
def test_a_vendor_with_draft_and_final_holds_one_document_whoever_races(module_dsn: str) -> None:
    race(module_dsn, DraftAndFinal, once=False)


@pytest.mark.slow
def test_a_vendor_with_one_request_holds_one_document_at_rest(module_dsn: str) -> None:
    race(module_dsn, OneRequest, once=True)
