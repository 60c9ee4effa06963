"""A second legal entity with its own currency and tax, and currencies of none and three digits."""

from decimal import Decimal

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree
from tests.harness.buyers import TEXAS, Shop

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_the_second_legal_entity_sells_in_dollars_with_sales_tax(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer(currency="usd", address=TEXAS)
    buyer.entity = "LE-US"
    rate = await shop.rate("8.25", country="US", tax_type="sales_tax")
    sold = await buyer.subscribe(await shop.price("Pro", 9999, currency="usd"), rate=rate)
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert [paper.total for paper in found.papers.values()] == [Decimal("108.24")] * 2
    assert {paper.raw["company"] for paper in found.papers.values()} == {erp.companies["LE-US"].id}


@pytest.mark.parametrize(
    ("currency", "minor", "net", "gross"),
    [("jpy", 1234, "1234", "1468"), ("kwd", 12340, "12.340", "14.685")],
)
async def test_amounts_are_exact_in_every_currency(
    erp: ErpInstance, shop: Shop, currency: str, minor: int, net: str, gross: str
) -> None:
    buyer = await shop.buyer(currency=currency)
    issued = await buyer.invoice((minor, await shop.rate()))
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert (paper.net, paper.total, paper.open) == (Decimal(net), Decimal(gross), Decimal(gross))

    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    assert (await agree(erp, buyer)).paper(issued["number"]).open == 0
