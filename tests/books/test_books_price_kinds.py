"""Every kind of price that billing sells, from the sale to the ERP: judged by billing's own lines
and totals, which the ERP's document has to show one by one."""

import asyncio
import secrets
from collections import Counter
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import Sides, agree
from tests.harness.buyers import Buyer, Shop, major

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]

MONTHLY = MappingProxyType({"recurring[interval]": "month"})


def tiers(mode: str, *rows: tuple[object, str | None, int | None]) -> Row:
    """(up to, decimal unit amount, flat amount) by tier, in minor units."""
    form: Row = {"billing_scheme": "tiered", "tiers_mode": mode}
    for place, (upto, unit, flat) in enumerate(rows):
        form[f"tiers[{place}][up_to]"] = upto
        if unit is not None:
            form[f"tiers[{place}][unit_amount_decimal]"] = unit
        if flat is not None:
            form[f"tiers[{place}][flat_amount]"] = flat
    return form


async def price(shop: Shop, product: str = "Pro", **form: Any) -> str:
    plain = {"product": shop.products[product], "currency": "eur", **MONTHLY}
    made = await shop.front.world.billing.make("prices", **{**plain, **form})
    return str(made["id"])


async def nets(buyer: Buyer, invoice: Row) -> Counter[tuple[Decimal, Decimal]]:
    """(net, units) of billing's lines."""
    lines = await buyer.world.billing.all(f"invoices/{invoice['id']}/lines")
    found: Counter[tuple[Decimal, Decimal]] = Counter()
    for line in lines:
        taken = sum(each["amount"] for each in line["pretax_credit_amounts"])
        inside = sum(tax["amount"] for tax in line["taxes"] if tax["tax_behavior"] == "inclusive")
        net = major(line["amount"] - taken - inside, line["currency"])
        found[net, Decimal(line["quantity"] or 0)] += 1
    return found


async def same_lines(found: Sides) -> None:
    """Each of billing's lines is one of the ERP's, with its net."""
    for one in found.issued:
        billed = await nets(found.buyer, one.raw)
        booked = Counter(line.amount for line in found.paper(one.number).lines)
        assert booked == Counter([net for net, _ in billed.elements()]), one.number


#: By kind: what the price is, how many are bought, and what that comes to.
KINDS: dict[str, tuple[Row, int, str]] = {
    "graduated": (tiers("graduated", (5, "700", None), ("inf", "600.5", None)), 9, "59.02"),
    "graduated with fees": (tiers("graduated", (5, "500", 1000), ("inf", "400", 2000)), 6, "59.00"),
    "a fee alone": (tiers("volume", (10, None, 9900), ("inf", "900", None)), 4, "99.00"),
    "volume": (tiers("volume", (5, "700", None), ("inf", "650", None)), 7, "45.50"),
    "packages": (
        {
            "unit_amount": 1000,
            "transform_quantity[divide_by]": 10,
            "transform_quantity[round]": "up",
        },
        31,
        "40.00",
    ),
    "decimals of a cent": ({"unit_amount_decimal": "0.07525"}, 12_345, "9.29"),
    "several currencies": (
        {"currency": "usd", "unit_amount": 1200, "currency_options[eur][unit_amount]": 1000},
        3,
        "30.00",
    ),
}


async def sale_of(erp: ErpInstance, shop: Shop, kind: str) -> None:
    form, quantity, net = KINDS[kind]
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await price(shop, **form), quantity, currency="eur")
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    (issued,) = found.issued
    assert found.paper(issued.number).net == Decimal(net), kind
    # What is given does not depend on how it is priced.
    await buyer.told({"seats": quantity, "sso": 1})

    # A change among tiers, packages or currencies is billed at once, and the difference is booked.
    await buyer.pass_(10)
    await buyer.change(sold, "always_invoice", quantity=quantity + 20)
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    assert len(found.issued) == 2, kind
    await buyer.told({"seats": quantity + 20, "sso": 1})


async def test_a_sale_of_every_kind_of_price_is_booked_as_it_is_billed(
    erp: ErpInstance, shop: Shop
) -> None:
    async with asyncio.TaskGroup() as group:
        for kind in KINDS:
            group.create_task(sale_of(erp, shop, kind), name=kind)


async def metered(shop: Shop, **form: Any) -> tuple[str, str]:
    """A price of usage, and the name of the events that its meter counts."""
    name = f"tokens_{secrets.token_hex(6)}"
    billing = shop.front.world.billing
    meter = await billing.make(
        "billing/meters",
        **{"display_name": name, "event_name": name, "default_aggregation[formula]": "sum"},
    )
    how = {"recurring[usage_type]": "metered", "recurring[meter]": meter["id"]}
    return await price(shop, "AI assistant", **how, **form), name


async def use(buyer: Buyer, name: str, value: int, days: float = 0) -> None:
    at = int(buyer.now.timestamp() - days * 86_400)
    await buyer.world.billing.make(
        "billing/meter_events",
        **{
            "event_name": name,
            "payload[stripe_customer_id]": buyer.customer,
            "payload[value]": value,
            "timestamp": at,
        },
    )


async def subscribe_to_usage(buyer: Buyer, of: str, *, rate: str | None = None, **form: Any) -> Row:
    return await buyer.world.billing.make(
        "subscriptions",
        **{
            "customer": buyer.customer,
            "items[0][price]": of,
            "default_tax_rates[0]": rate or await buyer.shop.rate(),
            **form,
        },
    )


async def test_usage_is_booked_for_its_period_and_gives_its_feature(
    erp: ErpInstance, shop: Shop
) -> None:
    tokens, name = await metered(shop, unit_amount_decimal="0.0001")
    buyer = await shop.buyer()
    sold = await subscribe_to_usage(
        buyer, tokens, **{"items[1][price]": await shop.price("Pro", 4000)}
    )
    await buyer.settled()
    await buyer.told({"seats": 1, "sso": 1, "assistant": 1})

    await buyer.pass_(12)
    # More units than an ERP's line can count.
    await use(buyer, name, 13_580_246_790)
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    paper = found.paper(found.issued[-1].number)
    assert Decimal("13580.25") in {line.amount for line in paper.lines}

    # What was used until the end is billed with it.
    await buyer.pass_(3)
    await use(buyer, name, 5_000_000, days=1)
    ended = f"/v1/subscriptions/{sold['id']}"
    await buyer.world.billing.ask("DELETE", ended, params={"invoice_now": "true"})
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    assert found.paper(found.issued[-1].number).net == Decimal("5.00")
    await buyer.told({})


async def test_usage_by_tiers_is_booked_tier_by_tier(erp: ErpInstance, shop: Shop) -> None:
    rows = ((1000, "0.5", None), (10_000, "0.25", 500), ("inf", "0.1", None))
    tokens, name = await metered(shop, **tiers("graduated", *rows))
    buyer = await shop.buyer()
    inside = await shop.rate(inclusive=True)
    sold = await subscribe_to_usage(buyer, tokens, rate=inside)
    await buyer.pass_(12)
    await use(buyer, name, 12_345)
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    assert len(found.paper(found.issued[-1].number).lines) == 4
