"""A customer's life, told to the real flow in any order, until everything has come to rest."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from random import Random
from unittest.mock import patch

from temporalio.client import Client

from activities import entitling
from canonical_models.amendment import ChangeKind
from canonical_models.ledgering import AccountMapping
from canonical_models.process import Process, ProcessKind
from canonical_models.views import ChangeView
from persistence import change_queue, changes, mappings, processes
from tests.harness import life_books
from tests.harness.e2e_deliveries import Event, Flow, flow, map_items
from tests.harness.life_expected import POLICY, ZONE, Expected
from tests.harness.life_seller import UNITS, Birth, Customer, Shelves, Turn
from tests.harness.systems import Script, Target
from tests.harness.waiting import until
from tests.harness.webhooks import TENANT

#: What an endpoint is told of, of all that billing has to tell.
_TICKED = ("customer.subscription.", "invoice.", "invoice_payment.", "charge.", "refund.")

_REST = """
select
  (select count(*) from inbox where status = 'received'),
  (select count(*) from changes where customer_id = %(of)s and state not in ('settled', 'waiting')),
  (select count(*) from processes p left join target_states t
     on t.tenant = p.tenant and t.customer_id = p.input ->> 'customer_id'
   where p.input ->> 'customer_id' = %(of)s
     and (p.wanted > p.told or p.kind = 'entitlement' and p.wanted > coalesce(t.confirmed, 0))),
  (select coalesce(json_object_agg(invoice_id, stage), '{}') from dunning_cases
   where customer_id = %(of)s and stage <> 'closed'),
  (select coalesce(json_agg(json_build_array(code, subject, message) order by opened_at), '[]')
   from exceptions where customer_id = %(of)s and state = 'open')
"""


@dataclass
class Standing:
    """What is still under way, and what waits for time or for people."""

    unread: int
    changes: int
    processes: int
    stages: dict[str, str]
    exceptions: list[tuple[str, str, str]]

    def is_rest(self, expected: dict[str, str]) -> bool:
        """Nothing moves, every case has come as far as it should, and finance is asked about
        those that are at their end; about nothing else is anybody asked."""
        asked = {subject for code, subject, _ in self.exceptions if code == "payment_overdue"}
        final = {invoice for invoice, stage in expected.items() if stage == "final"}
        moving = self.unread + self.changes + self.processes
        return not moving and self.stages == expected and asked == final


@dataclass
class World:
    """All systems, and what is on sale. `now` is the clock by which grants begin and end: it
    follows the life that is looked at, in Unix seconds."""

    flow: Flow
    target: Target
    shelves: Shelves
    now: int = 0

    async def begin(self, birth: Birth, chance: Random) -> "Life":
        await self.flow.new_events()
        customer = await Customer.begin(self.flow.stripe, self.shelves, birth)
        life = Life(self, customer, birth.zone or ZONE, chance)
        account = AccountMapping(
            billing_customer=customer.customer,
            erp_party=customer.customer,
            support_organization=customer.customer,
            legal_entity="LE-DE",
            time_zone=birth.zone,
        )
        async with self.flow.database.transaction() as session:
            await mappings.put(session, TENANT, account, by="tester")
        self.now = customer.now
        await customer.subscribe(birth.interval, birth.price, birth.quantity)
        return life


@dataclass
class Life:
    """`held` are events that nobody has been told of yet, `told` those that were."""

    world: World
    customer: Customer
    zone: str
    chance: Random
    held: list[Event] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    #: What the turns came to, to be read where one fails.
    log: list[str] = field(default_factory=list)
    _looked: int = 0

    async def take(self, turn: Turn) -> None:
        applied = await self.customer.take(turn)
        self.world.now = self.customer.now
        at = datetime.fromtimestamp(self.customer.now, UTC)
        self.log.append(f"{at:%Y-%m-%d %H:%M} {turn} {'' if applied else '(left out)'}")

    async def tell_some(self) -> None:
        """Some of what is new or was held, in any order, some of it twice; the rest is held on."""
        await self.hear()
        self.chance.shuffle(self.held)
        some = self.chance.randint(0, len(self.held))
        now, self.held = self.held[:some], self.held[some:]
        for event in now:
            for _ in range(self.chance.choice([1, 1, 2])):
                await self.world.flow.deliver(event)
        self.told += now

    async def hear(self) -> None:
        """What is new, and held until it is told."""
        new = await self.world.flow.new_events()
        self.held += [event for event in new if event["type"].startswith(_TICKED)]

    async def tell_all(self) -> None:
        """Until nothing is held, with something old between."""
        while True:
            await self.hear()
            if not self.held:
                return
            self.chance.shuffle(self.held)
            for event in self.held:
                await self.world.flow.deliver(event)
                if self.chance.random() < 0.2:
                    await self.world.flow.deliver(self.chance.choice([*self.told, *self.held]))
            self.told += self.held
            self.held = []

    async def settle(self) -> Expected:
        """What is to be found now that all has come to rest. While events are held back each
        subscription is looked at as people can have it looked at; when time has passed processes
        look as their timers have them look."""
        if self.held:
            await self._look()
        if self._looked != self.customer.now:
            await self._time_passed()
        self._looked = self.customer.now
        flow = self.world.flow
        books = await life_books.read(flow.stripe, self.customer)
        expected = Expected(books, self.world.shelves.products, self.zone)
        stages = expected.stages()
        found: list[Standing] = []

        async def rests() -> bool:
            found[:] = [await self.standing()]
            return found[0].is_rest(stages)

        try:
            await until(rests, "all is at rest", seconds=60)
        except AssertionError as late:
            raise AssertionError(f"{late}: {found} where {stages} are expected") from late
        return expected

    async def standing(self) -> Standing:
        async with self.world.flow.database.statement() as raw:
            cursor = await raw.execute(_REST.encode(), {"of": self.customer.customer})
            row = await cursor.fetchone()
        assert row is not None
        unread, open_, behind, stages, exceptions = row
        strange = [each for each in exceptions if each[0] != "payment_overdue"]
        assert not strange, strange
        return Standing(unread, open_, behind, stages, [tuple(each) for each in exceptions])

    async def changes(self, subscription: str) -> list[ChangeView]:
        """In their order."""
        found: list[ChangeView] = []
        before: int | None = None
        async with self.world.flow.database.transaction() as session:
            while page := await changes.page(
                session, TENANT, subscription_id=subscription, before=before, limit=200
            ):
                found += page
                before = page[-1].seq
        return found[::-1]

    async def _look(self) -> None:
        async with self.world.flow.database.work() as raw:
            for subscription in self.customer.subscriptions:
                await change_queue.follow(
                    raw,
                    TENANT,
                    subscription,
                    why=f"look/{secrets.token_hex(8)}",
                    kind=ChangeKind.OTHER,
                    customer_id=self.customer.customer,
                )

    async def _time_passed(self) -> None:
        cases = (await self.standing()).stages
        due = [(ProcessKind.DUNNING, invoice) for invoice in cases]
        due += [(ProcessKind.RENEWAL, key) for key in self.customer.subscriptions]
        books = await life_books.read(self.world.flow.stripe, self.customer)
        of = {asked.invoice: sold.subscription for sold, asked in books.invoices()}
        async with self.world.flow.database.work() as raw:
            await processes.news(
                raw,
                [
                    Process(
                        kind=kind,
                        tenant=TENANT,
                        key=key,
                        subscription_id=of.get(key, key),
                        customer_id=self.customer.customer,
                    )
                    for kind, key in due
                ],
            )


@asynccontextmanager
async def lives(dsn: str, client: Client, folder: Path) -> AsyncIterator[World]:
    target = Target(Script(), "app")
    async with flow(dsn, client, folder, policy=POLICY, targets={"app": target}) as running:
        shelves = Shelves(running.stripe)
        for currency in UNITS:
            await map_items(running.database, await shelves.stock(currency, "month"))
            await map_items(running.database, await shelves.stock(currency, "year"))
        world = World(running, target, shelves)
        with _grants_live_by(world):
            yield world


@contextmanager
def _grants_live_by(world: World) -> Iterator[None]:
    """Grants live by the time of day everywhere, and a life here is over within seconds."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(world.now, tz)

    with patch.object(entitling, "datetime", Clock):
        yield
