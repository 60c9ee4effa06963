"""Random lives of a customer: whatever people do at billing's front door, drawn from a seed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

import httpx

from sandbox.demo.systems import Row
from tests.harness.buyers import FRANCE, GERMANY, TEXAS, Buyer, Shop, days_ago, reverse_charge

#: Currency, its smallest price, whose books it is in, its tax, and where the customer is.
#: A business abroad owes the tax itself.
WORLDS: tuple[tuple[str, int, str, Row, Mapping[str, str]], ...] = (
    ("eur", 990, "LE-DE", {}, GERMANY),
    ("eur", 990, "LE-DE", {"inclusive": True}, GERMANY),
    (
        "usd",
        1999,
        "LE-US",
        {"percent": "8.25", "country": "US", "tax_type": "sales_tax"},
        TEXAS,
    ),
    ("jpy", 1234, "LE-DE", {}, GERMANY),
    ("kwd", 12340, "LE-DE", {}, GERMANY),
    ("eur", 990, "LE-DE", {}, FRANCE),
)


@dataclass
class Life:
    """One customer with a subscription. `told` is what has happened, for whoever reads a failure.

    A deed that billing refuses, such as a refund of what was never paid, has not happened.
    """

    random: Random
    shop: Shop
    buyer: Buyer
    sold: Row
    smallest: int
    rate: str
    #: Of the tax that comes on top; empty where prices include it.
    percent: str
    told: list[str] = field(default_factory=list)

    @classmethod
    async def begin(cls, shop: Shop, seed: int) -> "Life":
        random = Random(seed)  # a life to be told again, no secret
        currency, smallest, entity, tax, address = WORLDS[seed % len(WORLDS)]
        said = reverse_charge() if address is FRANCE else {}
        buyer = await shop.buyer(begun=days_ago(180), currency=currency, address=address, said=said)
        buyer.entity = entity
        rate = await shop.rate(**tax)
        interval = random.choice(["month", "month", "year"])
        price = await shop.price("Starter", smallest * random.randint(1, 9), interval, currency)
        sold = await buyer.subscribe(price, random.randint(1, 5), **{"default_tax_rates[0]": rate})
        percent = "" if said or tax.get("inclusive") else tax.get("percent", "19")
        begun = [f"{currency} {interval} {tax}"]
        return cls(random, shop, buyer, sold, smallest, rate, percent, begun)

    async def go_on(self) -> None:
        """One more deed, some time after the one before."""
        await self.buyer.pass_(self.random.choice([0.01, 1, 3, 9]))
        name, deed = self.random.choice(DEEDS)
        try:
            await deed(self)
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            self.told.append(f"{name} (billing: {refused})")
        else:
            self.told.append(name)

    async def post(self, path: str, **fields: Any) -> Row:
        return await self.buyer.world.billing.make(path, **fields)

    async def sim(self, path: str, **said: Any) -> Row:
        return dict(await self.buyer.world.billing.ask("POST", f"/_sim/{path}", json=said))

    async def now(self) -> Row:
        return await self.buyer.world.billing.read(f"subscriptions/{self.sold['id']}")

    async def an_invoice(self, *statuses: str) -> Row:
        """Any of these; the newest draws more often. Of none billing is asked for what is not."""
        found = [one for one in await self.buyer.invoices() if one["status"] in statuses]
        return self.random.choice([*found, *found[-1:]]) if found else {"id": "in_none"}


async def drawn_change(life: Life) -> tuple[str, Row]:
    """Another quantity, and perhaps another price, of what is sold: (how it is prorated, the fields
    of the subscription's first item)."""
    found = await life.now()
    item = found["items"]["data"][0]
    behaviour = life.random.choice(["always_invoice", "create_prorations", "none"])
    fields: Row = {"id": item["id"], "quantity": life.random.randint(1, 9)}
    if life.random.random() < 0.6:
        product = life.random.choice(["Starter", "Pro"])
        fields["price"] = await life.shop.price(
            product,
            life.smallest * life.random.randint(1, 12),
            item["price"]["recurring"]["interval"],
            life.buyer.currency,
        )
    return behaviour, fields


async def make_change(life: Life, behaviour: str, fields: Row) -> None:
    await life.post(
        f"subscriptions/{life.sold['id']}",
        **{
            "proration_behavior": behaviour,
            **{f"items[0][{name}]": value for name, value in fields.items()},
        },
    )


async def _changed(life: Life) -> None:
    await make_change(life, *await drawn_change(life))


async def _renewed(life: Life) -> None:
    if life.buyer.now < days_ago(60):
        await life.buyer.pass_(31)


async def _discounted(life: Life) -> None:
    off: Row = {"percent_off": life.random.choice(["10", "33.3", "100"])}
    if life.random.random() < 0.5:
        amount = life.smallest * life.random.randint(1, 3)
        off = {"amount_off": amount, "currency": life.buyer.currency}
    lasts: Row = life.random.choice(
        [
            {"duration": "once"},
            {"duration": "forever"},
            {"duration": "repeating", "duration_in_months": 2},
        ]
    )
    coupon = await life.post("coupons", **off, **lasts)
    on = life.random.choice(["customer", "subscription", "item"])
    if on == "customer":
        await life.sim(f"customers/{life.buyer.customer}/discount", coupon=coupon["id"])
    elif on == "subscription":
        path = f"subscriptions/{life.sold['id']}"
        await life.post(path, **{"discounts[0][coupon]": coupon["id"]})
    else:
        item = (await life.now())["items"]["data"][0]["id"]
        await life.post(f"subscription_items/{item}", **{"discounts[0][coupon]": coupon["id"]})


async def _given(life: Life) -> None:
    path = f"customers/{life.buyer.customer}/balance_transactions"
    amount = -life.smallest * life.random.randint(1, 4)
    await life.post(path, amount=amount, currency=life.buyer.currency)


async def _paused(life: Life) -> None:
    behaviour = life.random.choice(["void", "mark_uncollectible", "keep_as_draft"])
    path = f"subscriptions/{life.sold['id']}"
    await life.post(path, **{"pause_collection[behavior]": behaviour})


async def _resumed(life: Life) -> None:
    await life.post(f"subscriptions/{life.sold['id']}", pause_collection="")


async def _billed_alone(life: Life) -> None:
    lines = life.random.randint(1, 3)
    amounts = [(life.smallest + life.random.randint(0, 500), life.rate) for _ in range(lines)]
    issued = await life.buyer.invoice(*amounts)
    if life.random.random() < 0.5:
        await life.post(f"invoices/{issued['id']}/pay")


async def _paid(life: Life) -> None:
    elsewhere = life.random.choice([{}, {"paid_out_of_band": "true"}])
    owed = await life.an_invoice("open", "uncollectible")
    await life.post(f"invoices/{owed['id']}/pay", **elsewhere)


async def _paid_in_part(life: Life) -> None:
    owed = await life.an_invoice("open")
    amount = max(1, owed.get("amount_remaining", 2) // 2)
    await life.sim(f"invoices/{owed['id']}/partial_payment", amount=amount)


async def _given_up(life: Life) -> None:
    owed = await life.an_invoice("open")
    await life.post(f"invoices/{owed['id']}/mark_uncollectible")


async def _voided(life: Life) -> None:
    owed = await life.an_invoice("open")
    await life.post(f"invoices/{owed['id']}/void")


async def _credited(life: Life) -> None:
    about = await life.an_invoice("open", "paid")
    lines = await life.buyer.world.billing.all(f"invoices/{about['id']}/lines")
    charged = [line for line in lines if line["amount"] > 1]
    if not charged:
        return
    line = life.random.choice(charged)
    amount = max(1, line["amount"] // life.random.randint(1, 3))
    fields: Row = {
        "invoice": about["id"],
        "lines[0][type]": "invoice_line_item",
        "lines[0][invoice_line_item]": line["id"],
        "lines[0][amount]": amount,
    }
    if about["status"] == "paid":
        added = Fraction(life.percent) / 100 * amount if life.percent else 0
        to = life.random.choice(["credit_amount", "refund_amount", "out_of_band_amount"])
        fields[to] = amount + int(added + Fraction(1, 2))
    await life.post("credit_notes", **fields)


async def _refunded(life: Life) -> None:
    charges = await life.buyer.world.billing.all("charges", customer=life.buyer.customer)
    paid = [one for one in charges if one["paid"] and not one["disputed"]]
    if paid:
        left = paid[0]["amount"] - paid[0]["amount_refunded"]
        await life.post("refunds", charge=paid[0]["id"], amount=max(1, left // 2))


async def _disputed(life: Life) -> None:
    charges = await life.buyer.world.billing.all("charges", customer=life.buyer.customer)
    paid = [one for one in charges if one["paid"] and not one["disputed"]]
    if paid:
        made = await life.sim(f"charges/{paid[0]['id']}/dispute")
        if life.random.random() < 0.7:
            end = life.random.choice(["won", "lost"])
            await life.sim(f"disputes/{made['id']}/close", status=end)


async def _refuses(life: Life) -> None:
    await life.buyer.charges("fail")


async def _pays_again(life: Life) -> None:
    await life.buyer.charges("succeed")


async def _ended(life: Life) -> None:
    if life.random.random() < 0.3:
        await life.post(f"subscriptions/{life.sold['id']}", cancel_at_period_end="true")


DEEDS: tuple[tuple[str, Callable[[Life], Awaitable[None]]], ...] = (
    ("change", _changed),
    ("change", _changed),
    ("change", _changed),
    ("renew", _renewed),
    ("renew", _renewed),
    ("discount", _discounted),
    ("discount", _discounted),
    ("goodwill", _given),
    ("pause", _paused),
    ("resume", _resumed),
    ("invoice alone", _billed_alone),
    ("pay", _paid),
    ("pay in part", _paid_in_part),
    ("give up", _given_up),
    ("void", _voided),
    ("credit", _credited),
    ("refund", _refunded),
    ("dispute", _disputed),
    ("charges fail", _refuses),
    ("charges succeed", _pays_again),
    ("end", _ended),
)
