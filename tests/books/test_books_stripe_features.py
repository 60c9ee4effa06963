"""What else billing sells and does, from the sale to the ERP: tax by place, schedules, changes that
wait for their payment, credit for usage. Judged by billing's own lines and totals."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.books.test_books_price_kinds import (
    metered,
    price,
    same_lines,
    subscribe_to_usage,
    use,
)
from tests.harness.both_sides import agree
from tests.harness.buyers import FRANCE, Buyer, Shop, reverse_charge

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]


async def taxed_by_place(buyer: Buyer, of: str, **form: Any) -> Row:
    return await buyer.world.billing.make(
        "subscriptions",
        **{
            "customer": buyer.customer,
            "items[0][price]": of,
            "automatic_tax[enabled]": "true",
            **form,
        },
    )


async def test_tax_that_stripe_finds_is_booked_by_the_erps_codes(
    erp: ErpInstance, shop: Shop
) -> None:
    at_home = await shop.buyer()
    inside = await price(shop, unit_amount=11_900, tax_behavior="inclusive")
    await taxed_by_place(at_home, inside)
    business = reverse_charge()
    del business["tax_exempt"]
    abroad = await shop.buyer(address=FRANCE, said=business)
    await taxed_by_place(abroad, await price(shop, unit_amount=10_000))
    await at_home.settled()
    await abroad.settled()
    found = await agree(erp, at_home)
    paper = found.paper(found.issued[0].number)
    assert (paper.net, paper.tax) == (Decimal(100), Decimal(19))
    assert paper.lines[0].taxes == ("DE-VAT-19",)
    found = await agree(erp, abroad)
    paper = found.paper(found.issued[0].number)
    assert (paper.net, paper.tax) == (Decimal(100), Decimal(0))
    assert paper.lines[0].taxes == ("DE-RC-0",)


async def test_a_schedule_is_booked_phase_by_phase(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    small, large = await shop.price("Starter", 1000), await shop.price("Pro", 4000)
    rate = await shop.rate()
    form: Row = {"customer": buyer.customer, "start_date": "now", "end_behavior": "release"}
    for place, (of, quantity) in enumerate(((small, 2), (small, 5), (large, 5))):
        form |= {
            f"phases[{place}][items][0][price]": of,
            f"phases[{place}][items][0][quantity]": quantity,
            f"phases[{place}][default_tax_rates][0]": rate,
            f"phases[{place}][duration][interval]": "month",
        }
    plan = await buyer.world.billing.make("subscription_schedules", **form)
    await buyer.told({"seats": 2})
    sold = {"id": plan["subscription"]}
    await buyer.renew(sold)
    await buyer.told({"seats": 5})
    await buyer.renew(sold)
    await buyer.told({"seats": 5, "sso": 1})
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    nets = [found.paper(one.number).net for one in found.issued]
    assert nets == [Decimal(20), Decimal(50), Decimal(200)]


async def test_a_change_that_waits_for_its_payment_gives_nothing_before(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.pass_(10)
    await buyer.charges("fail")
    change = {"payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    item = {
        "items[0][id]": sold["items"]["data"][0]["id"],
        "items[0][price]": await shop.price("Pro", 4000),
        "items[0][quantity]": 5,
    }
    waiting = await buyer.world.billing.make(f"subscriptions/{sold['id']}", **change, **item)
    assert waiting["pending_update"] is not None
    await buyer.settled()
    await buyer.told({"seats": 5})
    found = await agree(erp, buyer)
    await same_lines(found)
    assert found.issued[-1].open > 100

    await buyer.charges("succeed")
    await buyer.world.billing.make(f"invoices/{waiting['latest_invoice']}/pay")
    await buyer.told({"seats": 5, "sso": 1})
    await buyer.settled()
    assert (await agree(erp, buyer)).issued[-1].open == 0

    # One that nobody pays lapses, and its invoice with it.
    await buyer.charges("fail")
    more = {"items[0][id]": sold["items"]["data"][0]["id"], "items[0][quantity]": 9}
    await buyer.world.billing.make(f"subscriptions/{sold['id']}", **change, **more)
    await buyer.settled()
    await buyer.pass_(1)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.issued[-1].void
    await buyer.told({"seats": 5, "sso": 1})


async def test_credit_for_usage_is_no_revenue(erp: ErpInstance, shop: Shop) -> None:
    tokens, name = await metered(shop, unit_amount=1)
    buyer = await shop.buyer()
    await buyer.world.billing.make(
        "billing/credit_grants",
        **{
            "customer": buyer.customer,
            "amount[type]": "monetary",
            "amount[monetary][currency]": "eur",
            "amount[monetary][value]": 2500,
            "applicability_config[scope][price_type]": "metered",
            "category": "promotional",
        },
    )
    terms: Row = {"collection_method": "send_invoice", "days_until_due": 30}
    seat = {"items[1][price]": await shop.price("Starter", 1000)}
    sold = await subscribe_to_usage(buyer, tokens, **terms, **seat)
    await buyer.pass_(12)
    await use(buyer, name, 4000)
    newest = await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    # 40 of usage less 25 of credit, and 10 for the seat.
    assert found.paper(newest["number"]).net == Decimal(25)
    assert found.issued[-1].open == Decimal("29.75")

    # What a void gives back to the grant is taken by the next invoice.
    await buyer.world.billing.make(f"invoices/{newest['id']}/void")
    await buyer.settled()
    assert (await agree(erp, buyer)).issued[-1].void
    await use(buyer, name, 1000)
    last = await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    await same_lines(found)
    assert found.paper(last["number"]).net == Decimal(10)
