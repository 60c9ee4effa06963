"""One story told on a stack of its own: lives under fire, then rest, then the invariants."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import psycopg
from temporalio.client import Client

from runtime.temporal import connect
from sandbox.embedded.facts import TARGET
from tests.fire.deciding import Desk
from tests.fire.evidence import evidence
from tests.fire.figures import Figures
from tests.fire.invariants import Report, inspect
from tests.fire.patient import patient
from tests.fire.people import People
from tests.fire.playing import LATE, Cast
from tests.fire.resting import Rest
from tests.fire.stack import Fire, on_fire
from tests.fire.storm import Storm
from tests.fire.story import LifePlan, Story
from tests.fire.violation import Violation
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import BOTH_ENTITIES, Front
from tests.harness.waiting import until

#: Seconds that a call may take, and after which it can no longer land. Many lives share two cores
#: with everything that serves them: shorter times would be broken by the machine.
TIMES = {
    "stripe": (5.0, 12.0),
    "tryton": (12.0, 30.0),
    "zendesk": (5.0, 12.0),
    TARGET: (5.0, 12.0),
}
#: Seconds, as it is outside of tests: a busy machine misses shorter ones.
_HEARTBEAT = 4.0
#: Where invoices stand in the ERP is looked at again and again while all of it goes on: what such a
#: look could not tell billing is told by the next.
_POLICY = BOTH_ENTITIES.model_copy(update={"invoice_minutes": 2.0})
#: What may be under way for each life that goes on before the next deed waits.
_BACKLOG = 2
_ROOM_SECONDS = 3600.0
#: After the last deed: how long until nothing is under way, and a little more for each life.
_REST_SECONDS, _REST_SECONDS_A_LIFE = 240.0, 1.0
#: How long processes beside the changes may take to tell what they have heard.
_LATER_SECONDS = 20.0
_TELL_SECONDS = 15.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    story: Story
    violations: list[Violation]
    #: Which life is whose, by customer; and what happened in it.
    lived: dict[str, LifePlan]
    happened: dict[str, list[str]]
    #: What Trueup did and asks about those who are named.
    evidence: list[str] = field(default_factory=list)


async def tell(story: Story, figures: Figures, say: Say, *, at_once: int) -> Told:
    """Starts the stack, and ends it."""
    began = time.monotonic()
    async with (
        on_fire(_POLICY, TIMES, heartbeat=_HEARTBEAT) as fire,
        _used(fire) as (shop, client),
    ):
        figures.seconds["start"] = time.monotonic() - began
        cast, people = Cast(shop, figures), People()
        teller = _Teller(fire, story, figures, say, cast, people, client)
        await teller.live(at_once)
        report = await teller.judge()
        await teller.count(report)
        named = {one.customer for one in report.violations if one.customer}
        known = await evidence(fire.world.facts.postgres_dsn, named)
    return Told(story, report.violations, cast.lived, cast.told, known)


@asynccontextmanager
async def _used(fire: Fire) -> AsyncIterator[tuple[Shop, Client]]:
    world = patient(fire.world, fire.world.facts)
    try:
        shop = await Shop.open(Front(world, fire.proxies["tryton"]))
        yield shop, await connect(fire.world.facts.temporal)
    finally:
        for system in (world.billing, world.desk, world.trueup, world.product):
            await system.http.aclose()


class _Teller:
    def __init__(
        self,
        fire: Fire,
        story: Story,
        figures: Figures,
        say: Say,
        cast: Cast,
        people: People,
        client: Client,
    ) -> None:
        self._fire, self._story, self._figures, self._say = fire, story, figures, say
        self._cast, self._people = cast, people
        self._rest = Rest(cast.shop.front.world)
        self._done = 0
        self._broken: list[Violation] = []
        self._storm = Storm(fire, story, figures, people, client, self._progress, TIMES)
        self._desk = Desk(story.seed, cast, people)

    async def live(self, at_once: int) -> None:
        """All lives, so many at once, under all blows."""
        began = time.monotonic()
        slots = asyncio.Semaphore(at_once)
        answering = asyncio.create_task(self._desk.work())
        saying = asyncio.create_task(self._keep_saying())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._storm.rage())
                for plan in self._story.lives:
                    group.create_task(self._life(plan, slots, at_once * _BACKLOG))
        finally:
            for task in (answering, saying):
                task.cancel()
            await asyncio.gather(answering, saying, return_exceptions=True)
        await self._storm.clear()
        self._figures.seconds["lives"] = time.monotonic() - began

    async def _life(self, plan: LifePlan, slots: asyncio.Semaphore, room: int) -> None:
        async with slots:
            left = len(plan.deeds)
            try:
                life = await self._cast.begin(plan)
                for number in plan.deeds:
                    await self._room(room)
                    await self._cast.do(life, number)
                    self._done, left = self._done + 1, left - 1
                await self._cast.last_word(life)
                self._figures.lives += 1
            except (httpx.HTTPError, AssertionError) as fault:
                # Whoever lives it could not go on; that is not to end the lives of others.
                self._broken.append(Violation(f"life {plan.seed} ended by {fault!r}"[:500]))
                self._done += left

    async def _room(self, most: int) -> None:
        async def there() -> bool:
            found = await self._rest.look()
            return found is not None and found.backlog < most

        await until(there, "less is under way", seconds=_ROOM_SECONDS, every=0.2)

    def _progress(self) -> float:
        return self._done / max(self._story.deeds, 1)

    async def judge(self) -> Report:
        """Once nothing is under way."""
        began = time.monotonic()
        bound = _REST_SECONDS + _REST_SECONDS_A_LIFE * len(self._story.lives)
        restless: list[Violation] = []
        # One more look of people at what was asked last; what they leave open has an owner.
        await self._desk.look()
        try:
            await until(self._quiet, "nothing is under way", seconds=bound, every=0.6)
        except AssertionError:
            restless = [Violation(f"no rest after {bound:.0f} s: {await self._rest.look()}")]
        self._figures.seconds["rest"] = time.monotonic() - began
        began = time.monotonic()
        report = await self._look()
        if report.violations and not restless:
            self._say(f"{len(report.violations)} at first sight; a second look follows")
            for violation in report.violations:
                self._say(f"  {violation}")
            with contextlib.suppress(AssertionError):
                await until(_never, "later", seconds=_LATER_SECONDS, every=1)
            report = await self._look()
        report.violations[:0] = [*self._broken, *restless]
        self._figures.seconds["invariants"] = time.monotonic() - began
        return report

    async def _quiet(self) -> bool:
        """Three looks in a row: what ends may begin something."""
        for _ in range(3):
            found = await self._rest.look()
            if found is None or not found.nothing:
                return False
            self._rest.forget()
        return True

    async def _look(self) -> Report:
        await self._name_what_is_mapped()
        return await inspect(
            self._fire.erp, self._cast.shop, tuple(self._cast.buyers), self._people
        )

    async def _name_what_is_mapped(self) -> None:
        """What was mapped late is sold as that from then on."""
        dsn = self._fire.world.facts.postgres_dsn
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            rows = await connection.execute("select source from mappings where kind = 'item'")
            mapped = {row[0] for row in await rows.fetchall()}
        for customer, product in self._cast.unmapped.items():
            if product in mapped:
                self._cast.shop.products[f"{LATE} of {customer}"] = product

    async def count(self, report: Report) -> None:
        figures = self._figures
        figures.doubtful, figures.excused = report.doubtful, report.excused
        figures.violations = len(report.violations)
        dsn = self._fire.world.facts.postgres_dsn
        async with await psycopg.AsyncConnection.connect(dsn) as connection:

            async def rows(query: str) -> list[tuple[str, int]]:
                found = await (await connection.execute(query)).fetchall()
                return [(str(name), int(count)) for name, count in found]

            figures.events = dict(await rows("select 'all', count(*) from inbox"))["all"]
            figures.outcomes = Counter(
                dict(
                    await rows("select coalesce(outcome, state), count(*) from changes group by 1")
                )
            )
            figures.changes = figures.outcomes.total()
            done = await rows(
                "select split_part(key, ':', 1), count(*) from effects "
                "where state = 'confirmed' group by 1"
            )
            figures.effects = sum(count for _, count in done)
            figures.documents = dict(done).get("document", 0)
            figures.movements = dict(done).get("settlement", 0)
            asked = await rows("select code, count(*) from exceptions group by 1")
            figures.questions = Counter(dict(asked))
            sagas = "select 'all', count(*) from changes where run_id is not null"
            figures.sagas = dict(await rows(sagas))["all"]

    async def _keep_saying(self) -> None:
        while True:
            self._say(
                f"{self._figures.lives} of {len(self._story.lives)} lives, "
                f"{self._done} of {self._story.deeds} deeds, "
                f"{self._storm.fallen} of {len(self._story.blows)} blows; "
                f"under way: {await self._rest.look()}"
            )
            await asyncio.sleep(_TELL_SECONDS)


async def _never() -> bool:
    return False
