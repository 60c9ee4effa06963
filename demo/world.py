"""What the stories happen to: a catalogue, and a customer known to every system."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from demo.systems import Billing, Desk, Erp, Product, Row, Trueup
from runtime.embedded.facts import StackFacts

#: Billing product: price in cents a month, ERP item, features a seat and features once, tier.
SOLD = {
    "Starter": (1000, "STARTER", ["seats"], [], "standard"),
    "Pro": (4000, "PRO", ["seats"], ["sso"], "premium"),
}


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
    for name, (cents, item, per_unit, included, tier) in SOLD.items():
        product = known.get(name) or (await world.billing.make("products", name=name))["id"]
        found = await world.billing.all("prices", product=product)
        prices[name] = found[0]["id"] if found else await price(world, product, cents)
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


async def price(world: World, product: str, cents: int) -> str:
    made = await world.billing.make(
        "prices",
        **{
            "product": product,
            "currency": "eur",
            "unit_amount": cents,
            "recurring[interval]": "month",
        },
    )
    return str(made["id"])


async def account(world: World, prices: dict[str, str], party: str, quantity: int = 5) -> Account:
    """A customer who has had Starter for ten days: mapped, known to support, not yet synchronised.

    A test clock of the billing platform makes the ten days pass.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    begun = now - timedelta(days=10)
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
            "items[0][price]": prices["Starter"],
            "items[0][quantity]": quantity,
        },
    )
    await world.billing.make(
        f"test_helpers/test_clocks/{clock['id']}/advance", frozen_time=int(now.timestamp())
    )
    return Account(
        customer=customer["id"],
        subscription=subscription["id"],
        item=subscription["items"]["data"][0]["id"],
        party=party,
        clock=clock["id"],
    )


async def upgrade(world: World, account: Account, to_price: str) -> None:
    """What a customer does in a self-service portal: another plan, from this second on."""
    await world.billing.make(
        f"subscriptions/{account.subscription}",
        **{
            "items[0][id]": account.item,
            "items[0][price]": to_price,
            "proration_behavior": "create_prorations",
        },
    )


async def prorations(world: World, account: Account) -> list[Row]:
    """Billing's own lines for changes in the middle of a month."""
    return await world.billing.all("invoiceitems", customer=account.customer, pending="true")
