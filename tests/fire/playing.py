"""Lives of the campaign: what customers and sellers do at billing's front door, deed by deed.

What a deed is depends on the life's seed and the deed's number, so that others can be left out.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import httpx

from sandbox.demo.systems import Row
from tests.fire.figures import Figures
from tests.fire.patient import AnswerLost
from tests.fire.story import LifePlan
from tests.harness.buyers import Buyer, Shop, days_ago
from tests.harness.random_lives import DEEDS, Life

#: What a product that is mapped late is sold as: nothing of it is granted until then.
LATE = "AI assistant"


@dataclass
class Cast:
    """All lives. `unmapped` are products that no item of the ERP is known for, by customer, and
    `lived` the seed of each life by its customer."""

    shop: Shop
    figures: Figures
    buyers: list[Buyer] = field(default_factory=list)
    unmapped: dict[str, str] = field(default_factory=dict)
    lived: dict[str, LifePlan] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)

    async def begin(self, plan: LifePlan) -> Life:
        life = await Life.begin(self.shop, plan.seed)
        customer = life.buyer.customer
        self.buyers.append(life.buyer)
        self.lived[customer], self.told[customer] = plan, life.told
        return life

    async def do(self, life: Life, number: int) -> None:
        """One deed, some time after the one before. What billing refuses has not happened."""
        random = life.random = Random(f"{self.lived[life.buyer.customer].seed}/{number}")
        name, deed = random.choice(ALL)
        try:
            await life.buyer.pass_(random.choice([0.01, 1, 3, 9]))
            await deed(self, life)
        except AnswerLost:
            self.figures.lost_deeds += 1
            name = f"{name} (its answer was lost)"
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            self.figures.refused_deeds += 1
            name = f"{name} (refused: {refused})"
        else:
            self.figures.deeds[name] += 1
        life.told.append(name)

    async def last_word(self, life: Life) -> None:
        """Billing tells of every subscription once more, now: whatever time alone has changed by
        the customer's clock is then to be known."""
        billing = life.buyer.world.billing
        for sold in await billing.all("subscriptions", customer=life.buyer.customer):
            item = sold["items"]["data"][0]
            fields = {"items[0][id]": item["id"], "items[0][quantity]": item["quantity"] + 1}
            try:
                await life.post(f"subscriptions/{sold['id']}", proration_behavior="none", **fields)
            except httpx.HTTPStatusError as refused:
                if refused.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    raise


async def _moves_house(cast: Cast, life: Life) -> None:
    del cast
    line = f"Kaiweg {life.random.randint(1, 99)}"
    await life.post(f"customers/{life.buyer.customer}", **{"address[line1]": line})


async def _ends_now(cast: Cast, life: Life) -> None:
    del cast
    invoiced = life.random.choice(["true", "false"])
    await life.buyer.world.billing.ask(
        "DELETE",
        f"/v1/subscriptions/{life.sold['id']}",
        params={"prorate": "true", "invoice_now": invoiced},
    )


async def _buys_what_is_not_mapped(cast: Cast, life: Life) -> None:
    customer = life.buyer.customer
    if customer not in cast.unmapped:
        name = f"Add-on {secrets.token_hex(3)}"
        cast.unmapped[customer] = await cast.shop.unmapped(name)
    product = cast.unmapped[customer]
    interval = (await life.now())["items"]["data"][0]["price"]["recurring"]["interval"]
    price = await life.post(
        "prices",
        **{
            "product": product,
            "currency": life.buyer.currency,
            "unit_amount": life.smallest,
            "recurring[interval]": interval,
        },
    )
    fields = {"items[0][price]": price["id"], "items[0][quantity]": 1}
    path = f"subscriptions/{life.sold['id']}"
    await life.post(path, proration_behavior="always_invoice", **fields)


async def _does_not_pay(cast: Cast, life: Life) -> None:
    """Long enough for what the invoice pays for to be held back; now and then it is paid late."""
    del cast
    if life.buyer.now > days_ago(60):
        return
    await life.buyer.charges("fail")
    await life.buyer.pass_(32)
    await life.buyer.pass_(8)
    if life.random.random() < 0.4:
        await life.buyer.charges("succeed")
        owed = await life.an_invoice("open")
        await life.post(f"invoices/{owed['id']}/pay")


async def _buys_more(cast: Cast, life: Life) -> None:
    price: Row = (await life.now())["items"]["data"][0]["price"]
    recurring = price["recurring"]["interval"]
    bought = await cast.shop.price("Pro", life.smallest * 2, recurring, life.buyer.currency)
    await life.buyer.subscribe(bought, 2, **{"default_tax_rates[0]": life.rate})


def _of_all_lives(deed: Callable[[Life], Awaitable[None]]) -> "Deed":
    return lambda _, life: deed(life)


Deed = Callable[[Cast, Life], Awaitable[None]]

ALL: tuple[tuple[str, Deed], ...] = (
    *((name, _of_all_lives(deed)) for name, deed in DEEDS),
    ("move house", _moves_house),
    ("move house", _moves_house),
    ("end now", _ends_now),
    ("buy what is not mapped", _buys_what_is_not_mapped),
    ("buy what is not mapped", _buys_what_is_not_mapped),
    ("not pay", _does_not_pay),
    ("not pay", _does_not_pay),
    ("not pay", _does_not_pay),
    ("buy more", _buys_more),
)
