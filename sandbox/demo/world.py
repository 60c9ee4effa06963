"""What the stories happen to: a catalogue, and a customer known to every system."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.demo.systems import Billing, Desk, Erp, Product, Trueup
from sandbox.embedded.facts import StackFacts

#: Billing product: price in cents, interval, ERP item, features a seat and features once, tier.
SOLD = {
    "Starter": (1000, "month", "STARTER", ["seats"], [], "standard"),
    "Pro": (4000, "month", "PRO", ["seats"], ["sso"], "premium"),
    "Pro, a year": (40000, "year", "PRO", ["seats"], ["sso"], "premium"),
}


LONG_AGO = timedelta(days=60)
TEN_DAYS = timedelta(days=10)


@dataclass(frozen=True)
class World:
    facts: StackFacts
    billing: Billing
    erp: Erp
    desk: Desk
    trueup: Trueup
    product: Product

    @classmethod
    def of(cls, facts: StackFacts) -> "World":
        return cls(
            facts=facts,
            billing=Billing(facts.stripe),
            erp=Erp(facts.tryton),
            desk=Desk(facts.zendesk),
            trueup=Trueup(facts.api),
            product=Product(facts.target),
        )

    async def close(self) -> None:
        for system in (self.billing, self.erp, self.desk, self.trueup, self.product):
            await system.http.aclose()


@dataclass(frozen=True)
class Account:
    """One customer with one subscription. `item` is the subscription item that is upgraded."""

    customer: str
    subscription: str
    item: str
    party: str
    clock: str


async def catalogue(world: World) -> dict[str, str]:
    """Price ids by product name; products are made and mapped once, by the first run."""
    known = {product["name"]: product["id"] for product in await world.billing.all("products")}
    prices = {}
    for name, (cents, interval, item, per_unit, included, tier) in SOLD.items():
        product = known.get(name) or (await world.billing.make("products", name=name))["id"]
        found = await world.billing.all("prices", product=product)
        prices[name] = found[0]["id"] if found else await price(world, product, cents, interval)
        await world.trueup.map(
            item={
                "item": product,
                "erp_item": item,
                "per_unit": per_unit,
                "included": included,
                "support_tier": tier,
            }
        )
    return prices


async def price(world: World, product: str, cents: int, interval: str = "month") -> str:
    made = await world.billing.make(
        "prices",
        **{
            "product": product,
            "currency": "eur",
            "unit_amount": cents,
            "recurring[interval]": interval,
        },
    )
    return str(made["id"])


async def vat(world: World) -> str:
    """German VAT, as billing charges it; made by the first run."""
    for rate in await world.billing.all("tax_rates"):
        if (rate["display_name"], rate["percentage"]) == ("VAT", 19):
            return str(rate["id"])
    made = await world.billing.make(
        "tax_rates",
        display_name="VAT",
        percentage=19,
        inclusive="false",
        country="DE",
        tax_type="vat",
    )
    return str(made["id"])


async def account(
    world: World,
    prices: dict[str, str],
    party: str,
    quantity: int = 5,
    plan: str = "Starter",
) -> Account:
    """A German customer who has had a plan for ten days: mapped, known to support, not yet
    synchronised. A test clock of the billing platform makes the days pass; it begins so long ago
    that the next period has begun by today, since an ERP books nothing of the future.
    """
    begun = datetime.now(UTC).replace(microsecond=0) - LONG_AGO
    clock = await world.billing.make("test_helpers/test_clocks", frozen_time=int(begun.timestamp()))
    name = f"Example {secrets.token_hex(3)}"
    customer = await world.billing.make("customers", name=name, test_clock=clock["id"])
    organization = {"name": name, "external_id": customer["id"]}
    await world.desk.ask("POST", "/api/v2/organizations", json={"organization": organization})
    await world.trueup.map(
        account={
            "billing_customer": customer["id"],
            "erp_party": party,
            "support_organization": customer["id"],
            "legal_entity": "LE-DE",
        }
    )
    subscription = await world.billing.make(
        "subscriptions",
        **{
            "customer": customer["id"],
            "items[0][price]": prices[plan],
            "items[0][quantity]": quantity,
            "default_tax_rates[0]": await vat(world),
        },
    )
    await world.billing.make(
        f"test_helpers/test_clocks/{clock['id']}/advance",
        frozen_time=int((begun + TEN_DAYS).timestamp()),
    )
    return Account(
        customer=customer["id"],
        subscription=subscription["id"],
        item=subscription["items"]["data"][0]["id"],
        party=party,
        clock=clock["id"],
    )


async def change_plan(
    world: World, account: Account, to_price: str, *, invoiced: bool = True
) -> None:
    """What a customer does in a self-service portal: another plan, from this second on, which
    billing invoices at once or with the next period."""
    await world.billing.make(
        f"subscriptions/{account.subscription}",
        **{
            "items[0][id]": account.item,
            "items[0][price]": to_price,
            "proration_behavior": "always_invoice" if invoiced else "create_prorations",
        },
    )


async def next_period(world: World, account: Account) -> None:
    """Time passes until billing has invoiced the next period."""
    subscription = await world.billing.read(f"subscriptions/{account.subscription}")
    end = subscription["items"]["data"][0]["current_period_end"]
    await world.billing.make(
        f"test_helpers/test_clocks/{account.clock}/advance", frozen_time=end + 2 * 3600
    )
