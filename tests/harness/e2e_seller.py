"""Plays the people who sell at billing: a subscription, and any sequence of changes to it.

Changes are drawn without knowing what is sold by then; one that does not apply is left out.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import httpx

#: Product, and cents a month; two prices of each product, so that a price can be exchanged.
CATALOGUE = {"starter": (1000, 1099), "pro": (4000, 2999), "ai": (900, 1)}

Verb = Literal["quantity", "price", "add", "remove", "end_at_period", "reinstate", "cancel"]
Behaviour = Literal["create_prorations", "always_invoice", "none"]


@dataclass(frozen=True)
class Step:
    """One change. `at` is seconds after the start; `which` and `price` pick by their place."""

    verb: Verb
    at: int = 0
    which: int = 0
    price: int = 0
    quantity: int = 1
    behaviour: Behaviour = "create_prorations"


@dataclass
class Shelf:
    """What is on sale in one currency: (price, product) ids in the order of the catalogue."""

    prices: list[tuple[str, str]]
    #: Product id by name.
    products: dict[str, str]


class Stripe:
    """Billing's API as a test sees it: forms in, JSON out."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def make(self, path: str, **form: Any) -> dict[str, Any]:
        return await self._ask("POST", path, form)

    async def end(self, path: str, **form: Any) -> dict[str, Any]:
        return await self._ask("DELETE", path, form)

    async def read(self, path: str) -> dict[str, Any]:
        return await self._ask("GET", path)

    async def control(self, path: str, **wish: Any) -> dict[str, Any]:
        """Asks the simulator itself for what no vendor's API does, such as a refused card."""
        answer = await self._http.post(f"/_sim/{path}", json=wish)
        assert answer.is_success, f"{path} {wish}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    async def all(
        self, path: str, *, until: str | None = None, **filters: Any
    ) -> list[dict[str, Any]]:
        """Every object in billing's order, the newest first; `until` is the first left out."""
        found: list[dict[str, Any]] = []
        more = True
        while more:
            after = {"starting_after": found[-1]["id"]} if found else {}
            answer = await self._http.get(f"/v1/{path}", params={"limit": 100, **filters, **after})
            answer.raise_for_status()
            page = answer.json()
            for entry in page["data"]:
                if entry["id"] == until:
                    return found
                found.append(entry)
            more = page["has_more"]
        return found

    async def _ask(
        self, method: str, path: str, form: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = await self._http.request(method, f"/v1/{path}", data=form)
        assert answer.is_success, f"{method} {path} {form}: {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    async def shelf(self, currency: str, interval: str = "month", unit: int = 1) -> Shelf:
        """The catalogue; a year costs ten months. `unit` is what a cent of it is here."""
        factor = unit * {"month": 1, "year": 10}[interval]
        prices, products = [], {}
        for name, amounts in CATALOGUE.items():
            products[name] = (await self.make("products", name=name))["id"]
            for amount in amounts:
                price = await self.make(
                    "prices",
                    **{
                        "product": products[name],
                        "currency": currency,
                        "unit_amount": amount * factor,
                        "recurring[interval]": interval,
                    },
                )
                prices.append((price["id"], products[name]))
        return Shelf(prices, products)


@dataclass
class Sale:
    """One subscription on its own clock. `items` is what was sold: (price, quantity) by item."""

    stripe: Stripe
    shelf: Shelf
    clock: str
    customer: str
    subscription: str
    start: int
    now: int
    items: dict[str, tuple[str, int]] = field(default_factory=dict)
    ended: bool = False
    ends: bool = False

    @classmethod
    async def begin(
        cls, stripe: Stripe, shelf: Shelf, start: int, quantity: int = 1, **form: Any
    ) -> "Sale":
        """The first price of the catalogue, in `quantity`, from `start` on (Unix seconds)."""
        clock = (await stripe.make("test_helpers/test_clocks", frozen_time=start))["id"]
        customer = (await stripe.make("customers", test_clock=clock))["id"]
        first = {"items[0][price]": shelf.prices[0][0], "items[0][quantity]": quantity}
        sold = await stripe.make("subscriptions", customer=customer, **first, **form)
        sale = cls(stripe, shelf, clock, customer, sold["id"], start, start)
        sale._take(sold)
        return sale

    async def apply(self, step: Step) -> bool:
        """Whether the step did apply; time passes in any case."""
        await self.move_to(self.start + step.at)
        if self.ended:
            return False
        if step.verb == "cancel":
            form = {"prorate": "true", "invoice_now": str(step.behaviour != "none").lower()}
            await self.stripe.end(f"subscriptions/{self.subscription}", **form)
            self.ended, self.items = True, {}
            return True
        if step.verb in ("end_at_period", "reinstate"):
            self.ends = step.verb == "end_at_period"
            wanted = {"cancel_at_period_end": str(self.ends).lower()}
            await self.stripe.make(f"subscriptions/{self.subscription}", **wanted)
            return True
        fields = self._fields(step)
        if fields is None:
            return False
        form = {f"items[0][{name}]": value for name, value in fields.items()}
        path = f"subscriptions/{self.subscription}"
        self._take(await self.stripe.make(path, proration_behavior=step.behaviour, **form))
        return True

    async def move_to(self, moment: int) -> None:
        if moment > self.now:
            path = f"test_helpers/test_clocks/{self.clock}/advance"
            await self.stripe.make(path, frozen_time=moment)
            self.now = moment

    def _fields(self, step: Step) -> dict[str, Any] | None:
        """The `items[0]` of the step's request; None where the step does not apply."""
        item = list(self.items)[step.which % len(self.items)]
        price = self.shelf.prices[step.price % len(self.shelf.prices)][0]
        free = price not in {held for held, _ in self.items.values()}
        match step.verb:
            case "quantity":
                return {"id": item, "quantity": step.quantity}
            case "price":
                return {"id": item, "price": price} if free else None
            case "add":
                return {"price": price, "quantity": step.quantity} if free else None
            case "remove":
                return {"id": item, "deleted": "true"} if len(self.items) > 1 else None
            case _:
                return None

    def _take(self, sold: dict[str, Any]) -> None:
        self.items = {
            item["id"]: (item["price"]["id"], item["quantity"]) for item in sold["items"]["data"]
        }


class Final(NamedTuple):
    """A document that billing has made final, in minor units; net by line."""

    gross: int
    tax: int
    lines: dict[str, int]


class Billed(NamedTuple):
    """`final` by document; `waiting` is the net of what waits, by invoice item or line of a draft,
    zero ones left out."""

    final: dict[str, Final]
    waiting: dict[str, int]


async def billed(stripe: Stripe, sale: Sale) -> Billed:
    """Billing's own amounts, as it shows them."""
    pending = await stripe.all("invoiceitems", customer=sale.customer, pending="true")
    waiting = {item["id"]: item["amount"] for item in pending}
    final = {}
    for invoice in await stripe.all("invoices", subscription=sale.subscription):
        lines = await stripe.all(f"invoices/{invoice['id']}/lines")
        if invoice["status"] == "draft":
            waiting |= {_source(line): _net(line) for line in lines}
        else:
            tax = sum(each["amount"] for each in invoice["total_taxes"] or [])
            nets = {line["id"]: _net(line) for line in lines}
            final[invoice["id"]] = Final(invoice["total"], tax, nets)
    return Billed(final, {key: minor for key, minor in waiting.items() if minor})


def _source(line: dict[str, Any]) -> str:
    parent = line["parent"]
    details = parent["subscription_item_details"] or parent["invoice_item_details"] or {}
    return str(details.get("invoice_item") or line["id"])


def _net(line: dict[str, Any]) -> int:
    inside = sum(tax["amount"] for tax in line["taxes"] if tax["tax_behavior"] == "inclusive")
    return int(line["amount"] - inside)
