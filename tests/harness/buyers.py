"""Customers of the tests of the books: what they buy at billing, and waiting for what comes of it.

Everything happens at billing's front door, by test clocks that lie in the past: an ERP takes no
document of the future.
"""

import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from string import ascii_uppercase, digits
from types import MappingProxyType
from typing import Any

import httpx
from stdnum.fr import tva

from canonical_models.amendment import account_subject
from sandbox.demo.observed import NotSeen, until
from sandbox.demo.systems import Row
from sandbox.demo.world import World
from tests.harness.e2e_stack import Front

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
#: Long enough for a year's half of renewals, and within the seeded fiscal years.
LONG_AGO = 200 * DAY

GERMANY: Mapping[str, str] = MappingProxyType(
    {
        "address[country]": "DE",
        "address[line1]": "Hafenstr. 7",
        "address[postal_code]": "20457",
        "address[city]": "Hamburg",
    }
)
TEXAS: Mapping[str, str] = MappingProxyType(
    {
        "address[country]": "US",
        "address[line1]": "200 Main St",
        "address[postal_code]": "75201",
        "address[city]": "Dallas",
    }
)
FRANCE: Mapping[str, str] = MappingProxyType(
    {
        "address[country]": "FR",
        "address[line1]": "3 rue du Port",
        "address[postal_code]": "13002",
        "address[city]": "Marseille",
    }
)

#: Billing product: ERP item, features a seat and once, tier.
SOLD: Mapping[str, tuple[str, list[str], list[str], str | None]] = MappingProxyType(
    {
        "Starter": ("STARTER", ["seats"], [], "standard"),
        "Pro": ("PRO", ["seats"], ["sso"], "premium"),
        "Handbook": ("HANDBOOK", [], [], None),
        "AI assistant": ("AI-ADDON", [], ["assistant"], None),
    }
)


#: Billing calls a VAT id of nine zeros verified; its key makes it one of 97 right ones.
_FRENCH_VAT_IDS = (
    f"FR{''.join(key)}000000000" for key in itertools.product(ascii_uppercase + digits, repeat=2)
)


def reverse_charge() -> Row:
    """What billing is told of a business that owes the tax itself, with a VAT id of its own."""
    return {
        "tax_exempt": "reverse",
        "tax_id_data[0][type]": "eu_vat",
        "tax_id_data[0][value]": next(filter(tva.is_valid, _FRENCH_VAT_IDS)),
    }


def days_ago(days: float) -> datetime:
    """Midday, so that the day is the same in every zone of these tests."""
    day = datetime.now(UTC) - timedelta(days=days)
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


@dataclass
class Shop:
    """What is sold, all of it mapped to items of the ERP; prices and rates are made once."""

    front: Front
    products: dict[str, str]
    #: Others buy all the time: who waits for the end of what he began does not wait for theirs.
    crowded: bool = False
    _prices: dict[tuple[str, int, str, str], str] = field(default_factory=dict)
    _rates: dict[tuple[str, bool, str], str] = field(default_factory=dict)

    @classmethod
    async def open(cls, front: Front) -> "Shop":
        products = {}
        for name, (item, per_unit, included, tier) in SOLD.items():
            products[name] = await cls._product(front, name)
            mapping = {"per_unit": per_unit, "included": included, "support_tier": tier}
            await front.world.trueup.map(item={"item": products[name], "erp_item": item, **mapping})
        return cls(front, products)

    @staticmethod
    async def _product(front: Front, name: str) -> str:
        return str((await front.world.billing.make("products", name=name))["id"])

    async def unmapped(self, name: str) -> str:
        """A product that no item of the ERP is known for; billing's id."""
        return await self._product(self.front, name)

    async def price(
        self, name: str, minor: int, interval: str = "month", currency: str = "eur"
    ) -> str:
        """A recurring price for a seat."""
        key = (name, minor, interval, currency)
        if key not in self._prices:
            made = await self.front.world.billing.make(
                "prices",
                **{
                    "product": self.products[name],
                    "currency": currency,
                    "unit_amount": minor,
                    "recurring[interval]": interval,
                },
            )
            self._prices[key] = made["id"]
        return self._prices[key]

    async def rate(
        self, percent: str = "19", *, inclusive: bool = False, country: str = "DE", **fields: Any
    ) -> str:
        """A tax rate of billing."""
        key = (percent, inclusive, country)
        if fields or key not in self._rates:
            made = await self.front.world.billing.make(
                "tax_rates",
                **{
                    "display_name": "VAT",
                    "tax_type": "vat",
                    "percentage": percent,
                    "inclusive": str(inclusive).lower(),
                    "country": country,
                    **fields,
                },
            )
            if fields:
                return str(made["id"])
            self._rates[key] = made["id"]
        return self._rates[key]

    async def buyer(
        self,
        *,
        begun: datetime | None = None,
        currency: str = "eur",
        address: Mapping[str, str] = GERMANY,
        said: Mapping[str, str] = MappingProxyType({}),
    ) -> "Buyer":
        """A customer that no other system knows; its account is opened by what it buys first.
        `said` is what else billing is told of it."""
        start = begun or days_ago(LONG_AGO.days)
        billing = self.front.world.billing
        clock = await billing.make("test_helpers/test_clocks", frozen_time=int(start.timestamp()))
        made = await billing.make(
            "customers",
            **{
                "name": f"Buyer {secrets.token_hex(4)}",
                "test_clock": clock["id"],
                **address,
                **said,
            },
        )
        return Buyer(self, made["id"], made["id"], clock["id"], start, currency)


@dataclass
class Buyer:
    """One customer of billing. `party` is its code in the ERP, `entity` whose books it is in."""

    shop: Shop
    customer: str
    party: str
    clock: str
    now: datetime
    currency: str = "eur"
    entity: str = "LE-DE"

    @property
    def world(self) -> World:
        return self.shop.front.world

    async def map(self, *, party: str | None = None, entity: str | None = None) -> None:
        """What `trueup mappings set` does, in place of what was known."""
        self.party, self.entity = party or self.party, entity or self.entity
        await self.world.trueup.map(account=self.mapping())

    def mapping(self) -> Row:
        return {
            "billing_customer": self.customer,
            "erp_party": self.party,
            "support_organization": self.customer,
            "legal_entity": self.entity,
        }

    async def subscribe(
        self, price: str, quantity: int = 1, *, rate: str | None = None, **fields: Any
    ) -> Row:
        """With 19 % VAT on top, unless another `rate` is given."""
        return await self.world.billing.make(
            "subscriptions",
            **{
                "customer": self.customer,
                "items[0][price]": price,
                "items[0][quantity]": quantity,
                "default_tax_rates[0]": rate or await self.shop.rate(),
                **fields,
            },
        )

    async def change(self, subscription: Row, behaviour: str, **item: Any) -> None:
        """Of its first item, from this second on."""
        fields = {f"items[0][{name}]": value for name, value in item.items()}
        await self.world.billing.make(
            f"subscriptions/{subscription['id']}",
            **{
                "items[0][id]": subscription["items"]["data"][0]["id"],
                "proration_behavior": behaviour,
                **fields,
            },
        )

    async def draft(
        self, *amounts: tuple[int, str | None], products: Sequence[str] = (), **fields: Any
    ) -> str:
        """A stand-alone invoice, not final yet: (minor units, tax rate) by line, of Pro unless
        `products` names them by billing's id."""
        billing = self.world.billing
        invoice = await billing.make(
            "invoices",
            **{
                "customer": self.customer,
                "currency": self.currency,
                "auto_advance": "false",
                "pending_invoice_items_behavior": "exclude",
                **fields,
            },
        )
        sold = products or [self.shop.products["Pro"]] * len(amounts)
        for product, (minor, rate) in zip(sold, amounts, strict=True):
            await billing.make(
                "invoiceitems",
                **{
                    "customer": self.customer,
                    "invoice": invoice["id"],
                    "price_data[currency]": self.currency,
                    "price_data[product]": product,
                    "price_data[unit_amount]": minor,
                    **({} if rate is None else {"tax_rates[0]": rate}),
                },
            )
        return str(invoice["id"])

    async def invoice(
        self, *amounts: tuple[int, str | None], products: Sequence[str] = (), **fields: Any
    ) -> Row:
        """A stand-alone invoice that is final; nobody has paid it."""
        draft = await self.draft(*amounts, products=products, **fields)
        return await self.world.billing.make(f"invoices/{draft}/finalize", auto_advance="false")

    async def move_to(self, moment: datetime) -> None:
        await self.world.billing.make(
            f"test_helpers/test_clocks/{self.clock}/advance", frozen_time=int(moment.timestamp())
        )
        self.now = moment

    async def pass_(self, days: float) -> None:
        await self.move_to(self.now + timedelta(days=days))

    async def renew(self, subscription: Row) -> Row:
        """Time passes until the next period's invoice is final; the newest one."""
        found = await self.world.billing.read(f"subscriptions/{subscription['id']}")
        end = found["items"]["data"][0]["current_period_end"]
        await self.move_to(datetime.fromtimestamp(end, UTC) + 2 * HOUR)
        return (await self.invoices())[-1]

    async def shown(self) -> tuple[str | None, str | None]:
        """(tier, last day of the contract) as support sees them."""
        found = await self.world.desk.organization(self.customer)
        fields = found["organization_fields"]
        end = fields.get("trueup_contract_end")
        return fields.get("trueup_support_tier"), end[:10] if end else None

    async def told(self, features: dict[str, int]) -> None:
        """Wait until the product itself knows that the customer may use these."""

        async def look() -> bool | None:
            return await self.world.product.features(self.customer) == features or None

        await until(f"{self.customer} may use {features}", look)

    async def charges(self, outcome: str) -> None:
        """How its charges end from now on."""
        path = f"/_sim/customers/{self.customer}/payment"
        await self.world.billing.ask("POST", path, json={"outcome": outcome})

    async def invoices(self) -> list[Row]:
        """All of billing's, the oldest first."""
        found = await self.world.billing.all("invoices", customer=self.customer)
        return found[::-1]

    async def charge(self) -> Row:
        """The newest that succeeded."""
        found = await self.world.billing.all("charges", customer=self.customer)
        return next(one for one in found if one["paid"])

    async def changes(self) -> list[Row]:
        """Of the customer and its subscriptions, once nothing is under way; what waits for a person
        is not under way, nor what is queued behind it."""

        seen: list[object] = []
        begun = await self._on_its_way() if self.shop.crowded else None
        trueup, subjects = self.world.trueup, [account_subject(self.customer)]
        if self.shop.crowded:
            sold = await self.world.billing.all(
                "subscriptions", customer=self.customer, status="all"
            )
            subjects += [one["id"] for one in sold]

        async def changes() -> list[Row]:
            if self.shop.crowded:
                return await trueup.changes_of(*subjects)
            return await trueup.changes_of_customer(self.customer)

        async def on_its_way() -> dict[str, Row]:
            found = await self._on_its_way()
            return found if begun is None else {of: found[of] for of in found if of in begun}

        async def look() -> list[Row] | None:
            seen[:] = (await on_its_way()).values()
            if seen:
                return None
            found = await changes()
            rest = {one["subject"] for one in found if one["state"] == "waiting"}
            seen[:] = [one for one in found if not _at_rest(one, rest)]
            return found if found and not seen and not await on_its_way() else None

        try:
            return await until(f"the end of what {self.customer} began", look)
        except NotSeen as unseen:
            raise AssertionError(f"{unseen}: {seen[:3]}") from unseen

    async def settled(self, *others: str) -> list[Row]:
        """The changes, none of which waits or came to another end than these."""
        found = await self.changes()
        asked = [f"{one['code']}: {one['message']}" for one in await self.questions()]
        assert all(one["state"] == "settled" for one in found), asked
        assert {one["outcome"] for one in found} <= {"completed", "no_change", *others}, found
        return found

    async def done(self, subscription: Row) -> list[Row]:
        """The changes of the subscription that did something, the oldest first; what one of them
        has taken in is part of it."""
        await self.settled()
        found = await self.world.trueup.changes(subscription["id"])
        done = [one for one in found if one["outcome"] == "completed"]
        return [one for one in done if one["taken_in_by"] is None]

    async def asked(self, code: str) -> Row:
        """The one question that is open about it, which must be this one."""

        async def look() -> list[Row] | None:
            return await self.questions() or None

        (found,) = await until(f"a question about {self.customer}", look)
        assert found["code"] == code, found
        return found

    async def questions(self) -> list[Row]:
        found = await self.world.trueup.ask("GET", "/v1/exceptions", params={"limit": 200})
        return [one for one in found["items"] if one["customer_id"] == self.customer]

    async def decide(self, question: Row, action: str, **more: Any) -> None:
        """What is mended before it is tried again may have answered itself by then: news of the
        customer has it looked at as well."""
        path = f"/v1/exceptions/{question['exception_id']}/resolve"
        given = {"action": action, "note": "decided by a test", **more}
        try:
            answer = await self.world.trueup.ask("POST", path, json=given)
        except httpx.HTTPStatusError:
            if action == "retry" and question not in await self.questions():
                return
            raise
        decided = answer["exception"]
        itself = action == "retry" and decided["resolved_by"] == "trueup"
        assert itself or decided["resolution"] == action, answer

    async def decide_document(self, document: str, decision: str, /, **said: Any) -> None:
        """What `trueup invoices hold`, `release` and the others do."""
        body = {"json": said} if said else {}
        await self.world.trueup.ask("POST", f"/v1/invoices/{document}/{decision}", **body)

    async def look_again(self, subscription: Row | None = None) -> None:
        """What `trueup subscriptions sync` does, or `trueup accounts sync`."""
        path = f"accounts/{self.customer}"
        if subscription is not None:
            path = f"subscriptions/{subscription['id']}"
        await self.world.trueup.ask("POST", f"/v1/{path}/sync")

    async def differences(self) -> list[Row]:
        found = await self.world.trueup.ask(
            "GET", "/v1/differences", params={"customer": self.customer}
        )
        return list(found["items"])

    async def _on_its_way(self) -> dict[str, Row]:
        """Events that billing has not delivered, or that wait to be read, whosever they are."""
        sending = await self.world.billing.ask(
            "GET", "/_sim/deliveries", params={"state": "pending"}
        )
        unread = await self.world.trueup.ask("GET", "/v1/inbox", params={"status": "received"})
        return {
            **{one["event"]: one for one in sending["deliveries"]},
            **{one["event_id"]: one for one in unread["items"]},
        }


def _at_rest(change: Row, waiting: set[str]) -> bool:
    queued = change["state"] == "pending" and change["subject"] in waiting
    return queued or change["state"] in ("settled", "waiting")


def major(minor: int, currency: str) -> Decimal:
    """Minor units as the amount that people write, by ISO 4217."""
    digits = {"jpy": 0, "kwd": 3}.get(currency, 2)
    return Decimal(minor).scaleb(-digits)
