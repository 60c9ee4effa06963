"""Plays everybody who acts at billing during a customer's life: seller, customer, bank, and time.

Turns are drawn without knowing what is sold by then; one that does not apply is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tests.harness.e2e_seller import CATALOGUE, Shelf, Stripe

HOUR, DAY = 3600, 86400

Json = dict[str, Any]
Interval = Literal["month", "year"]
Verb = Literal[
    "upgrade",
    "downgrade",
    "quantity",
    "add",
    "remove",
    "switch",
    "renew",
    "wait",
    "refuse",
    "accept",
    "overrun",
    "pay",
    "part",
    "void",
    "refund",
    "dispute",
    "decide",
    "pause",
    "resume",
    "end_at_period",
    "reinstate",
    "cancel",
    "again",
]
Behaviour = Literal["create_prorations", "always_invoice", "none"]

#: What a cent of the catalogue is worth in the smallest unit of each currency.
UNITS = {"eur": 1, "jpy": 2, "kwd": 10}

#: Until a renewal's invoice is final, and a little more.
DRAFT = HOUR + 60


@dataclass(frozen=True)
class Birth:
    """How a life begins. `zone` None is that of the tenant."""

    at: datetime
    zone: str | None = None
    currency: str = "eur"
    interval: Interval = "month"
    price: int = 0
    quantity: int = 3


@dataclass(frozen=True)
class Turn:
    """`after` are seconds that pass before it; `which` and `price` pick by their place. What is
    not `heard` is told later; with `looks` everything is looked at after it."""

    verb: Verb
    after: int = 0
    which: int = 0
    price: int = 0
    quantity: int = 1
    behaviour: Behaviour = "create_prorations"
    heard: bool = True
    looks: bool = False


class Shelves:
    """What is on sale, by currency and interval; stocked when it is first asked for."""

    def __init__(self, stripe: Stripe) -> None:
        self._stripe = stripe
        self._stocked: dict[tuple[str, Interval], Shelf] = {}

    async def stock(self, currency: str, interval: Interval) -> Shelf:
        found = self._stocked.get((currency, interval))
        if found is None:
            found = await self._stripe.shelf(currency, interval, UNITS[currency])
            self._stocked[currency, interval] = found
        return found

    @property
    def products(self) -> dict[str, str]:
        """Name by id, of all shelves."""
        return {
            key: name for shelf in self._stocked.values() for name, key in shelf.products.items()
        }


@dataclass
class Customer:
    """One customer on a clock of its own, with one subscription after the other, or side by
    side. `now` is the clock's time."""

    stripe: Stripe
    shelves: Shelves
    birth: Birth
    clock: str
    customer: str
    now: int
    #: All subscriptions there ever were, the oldest first, and the interval of each.
    subscriptions: dict[str, Interval] = field(default_factory=dict)
    disputes: list[str] = field(default_factory=list)

    @classmethod
    async def begin(cls, stripe: Stripe, shelves: Shelves, birth: Birth) -> "Customer":
        start = int(birth.at.timestamp())
        clock = (await stripe.make("test_helpers/test_clocks", frozen_time=start))["id"]
        customer = (await stripe.make("customers", test_clock=clock))["id"]
        return cls(stripe, shelves, birth, clock, customer, start)

    async def subscribe(self, interval: Interval, price: int, quantity: int) -> None:
        shelf = await self.shelves.stock(self.birth.currency, interval)
        key = shelf.prices[price % len(shelf.prices)][0]
        first = {"items[0][price]": key, "items[0][quantity]": quantity}
        sold = await self.stripe.make("subscriptions", customer=self.customer, **first)
        self.subscriptions[sold["id"]] = interval

    async def take(self, turn: Turn) -> bool:
        """Whether the turn did apply; time passes in any case."""
        await self.pass_by(turn.after)
        match turn.verb:
            case "wait":
                return True
            case "refuse" | "accept":
                await self._card("fail" if turn.verb == "refuse" else "succeed")
                return True
            case "pay" | "part" | "void":
                return await self._owed(turn)
            case "refund" | "dispute" | "decide":
                return await self._money(turn)
            case "again":
                if len(self.subscriptions) > 2:
                    return False
                interval: Interval = "year" if turn.which else "month"
                await self.subscribe(interval, turn.price, max(turn.quantity, 1))
                return True
            case _:
                return await self._of_subscription(turn)

    async def pass_by(self, seconds: int) -> None:
        if seconds > 0:
            path = f"test_helpers/test_clocks/{self.clock}/advance"
            self.now += seconds
            await self.stripe.make(path, frozen_time=self.now)

    async def _card(self, outcome: str) -> None:
        await self.stripe.control(f"customers/{self.customer}/payment", outcome=outcome)

    async def _owed(self, turn: Turn) -> bool:
        """Something is done about an open invoice: it is paid, in part, or taken back."""
        found = await self.stripe.all("invoices", customer=self.customer, status="open")
        if not found:
            return False
        invoice = found[turn.which % len(found)]
        untouched = invoice["amount_paid"] == 0
        match turn.verb:
            case "pay":
                await self._card("succeed")
                await self.stripe.make(f"invoices/{invoice['id']}/pay")
            case "part" if invoice["amount_remaining"] > 1:
                half = invoice["amount_remaining"] // 2
                await self.stripe.control(f"invoices/{invoice['id']}/partial_payment", amount=half)
            case "void" if untouched:
                await self.stripe.make(f"invoices/{invoice['id']}/void")
            case _:
                return False
        return True

    async def _money(self, turn: Turn) -> bool:
        """Money that was received goes back, or comes back after all."""
        if turn.verb == "decide":
            if not self.disputes:
                return False
            dispute = self.disputes.pop(turn.which % len(self.disputes))
            status = "won" if turn.quantity % 2 else "lost"
            await self.stripe.control(f"disputes/{dispute}/close", status=status)
            return True
        charges = [
            charge
            for charge in await self.stripe.all("charges", customer=self.customer)
            if charge["paid"] and not charge["refunded"] and not await self._held(charge)
        ]
        if not charges:
            return False
        charge = charges[turn.which % len(charges)]
        left = charge["amount"] - charge["amount_refunded"]
        amount = left if turn.quantity % 2 else max(left // 3, 1)
        if turn.verb == "refund":
            await self.stripe.make("refunds", charge=charge["id"], amount=amount)
        else:
            made = await self.stripe.control(f"charges/{charge['id']}/dispute", amount=amount)
            self.disputes.append(made["id"])
        return True

    async def _held(self, charge: Json) -> bool:
        found = await self.stripe.all("disputes", charge=charge["id"])
        return any(dispute["status"] != "won" for dispute in found)

    async def _of_subscription(self, turn: Turn) -> bool:
        alive = await self._running()
        if not alive:
            return False
        sold = alive[turn.which % len(alive)]
        soonest = min(map(_period_end, alive))
        path = f"subscriptions/{sold['id']}"
        match turn.verb:
            case "renew":
                # Within the hour of its draft, just after it, or days later.
                late = (HOUR // 2, DRAFT, 3 * DAY)[turn.quantity % 3]
                await self.pass_by(soonest + late - self.now)
            case "overrun":
                await self._card("fail")
                await self.pass_by(soonest + DRAFT - self.now)
                await self.pass_by((3 + 2 * turn.quantity) * DAY)
            case "pause":
                await self.stripe.make(path, **{"pause_collection[behavior]": "void"})
            case "resume":
                await self.stripe.make(path, pause_collection="")
            case "end_at_period" | "reinstate":
                ends = str(turn.verb == "end_at_period").lower()
                await self.stripe.make(path, cancel_at_period_end=ends)
            case "cancel":
                prorate = str(turn.behaviour != "none").lower()
                invoice_now = str(turn.behaviour == "always_invoice").lower()
                await self.stripe.end(path, prorate=prorate, invoice_now=invoice_now)
            case _:
                return await self._exchange(turn, sold)
        return True

    async def _exchange(self, turn: Turn, sold: Json) -> bool:
        fields = await self._fields(turn, sold)
        if fields is None:
            return False
        form = {f"items[0][{name}]": value for name, value in fields.items()}
        path = f"subscriptions/{sold['id']}"
        await self.stripe.make(path, proration_behavior=turn.behaviour, **form)
        return True

    async def _fields(self, turn: Turn, sold: Json) -> Json | None:
        """The `items[0]` of the turn's request; None where it does not apply."""
        items = sold["items"]["data"]
        item = items[turn.price % len(items)]
        match turn.verb:
            case "quantity":
                return {"id": item["id"], "quantity": turn.quantity}
            case "remove":
                return {"id": item["id"], "deleted": "true"} if len(items) > 1 else None
            case "switch":
                if len(items) > 1:
                    return None
                other: Interval = "month" if self.subscriptions[sold["id"]] == "year" else "year"
                shelf = await self.shelves.stock(self.birth.currency, other)
                self.subscriptions[sold["id"]] = other
                return {"id": item["id"], "price": shelf.prices[turn.price % 6][0]}
        shelf = await self.shelves.stock(self.birth.currency, self.subscriptions[sold["id"]])
        held = {other["price"]["id"] for other in items}
        free = [price for price, _ in shelf.prices if price not in held]
        if turn.verb == "add":
            chosen = free[turn.price % len(free)]
            return {"price": chosen, "quantity": max(turn.quantity, 1)}
        amounts = dict(zip((p for p, _ in shelf.prices), _amounts(), strict=True))
        now = amounts[item["price"]["id"]]
        dearer = turn.verb == "upgrade"
        fitting = [p for p in free if (amounts[p] > now) is dearer]
        return {"id": item["id"], "price": fitting[turn.price % len(fitting)]} if fitting else None

    async def _running(self) -> list[Json]:
        """Those that have not ended, and have been paid for at least once."""
        found = await self.stripe.all("subscriptions", customer=self.customer)
        return [sold for sold in found if sold["status"] != "incomplete"]


def _period_end(sold: Json) -> int:
    return int(sold["items"]["data"][0]["current_period_end"])


def _amounts() -> Iterable[int]:
    return (amount for amounts in CATALOGUE.values() for amount in amounts)
