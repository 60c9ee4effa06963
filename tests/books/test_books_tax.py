"""Tax is billing's to the cent, and the ERP's own rules must give its codes."""

from decimal import Decimal

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree, sides_of
from tests.harness.buyers import FRANCE, Shop, reverse_charge
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_no_tax_where_the_erp_taxes_is_asked_with_both_sides(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((5000, None))
    asked = await buyer.asked("tax_mismatch")
    for figure in ("50.00", "0.00", "59.50", "9.50", "19 %"):
        assert figure in asked["message"]
    assert (await sides_of(erp, buyer)).papers == {}

    await buyer.decide(
        asked,
        "correct",
        document={
            "document_id": issued["id"],
            "tax_code": erp.companies["LE-DE"].taxes["DE-EXPORT-0"].name,
        },
    )
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert (paper.total, paper.tax, paper.lines[0].taxes) == (Decimal(50), ZERO, ("DE-EXPORT-0",))


async def test_rates_that_are_swapped_between_equal_lines_are_refused(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    products = (shop.products["Pro"], shop.products["Handbook"])
    low, high = await shop.rate("7"), await shop.rate("19")
    await buyer.invoice((10000, low), (10000, high), products=products)
    await buyer.asked("tax_mismatch")
    assert (await sides_of(erp, buyer)).papers == {}


async def test_two_rates_on_one_document(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    products = (shop.products["Pro"], shop.products["Handbook"])
    low, high = await shop.rate("7"), await shop.rate("19")
    await buyer.invoice((10000, high), (10000, low), products=products)
    await buyer.settled()
    found = await agree(erp, buyer)
    (paper,) = found.papers.values()
    assert found.tax(paper) == {Decimal("0.19"): 19, Decimal("0.07"): 7}


@pytest.mark.parametrize(
    ("amounts", "inclusive", "gross"),
    [
        ((1002, 1002, 1002), False, "35.76"),
        ((1003, 1003, 1003), False, "35.82"),
        ((34000, 1390), True, "353.90"),
    ],
)
async def test_billings_rounding_is_what_the_customer_owes(
    erp: ErpInstance, shop: Shop, amounts: tuple[int, ...], inclusive: bool, gross: str
) -> None:
    buyer = await shop.buyer()
    rate = await shop.rate(inclusive=inclusive)
    issued = await buyer.invoice(*((minor, rate) for minor in amounts))
    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert (paper.total, paper.open) == (Decimal(gross), ZERO)


async def test_a_business_abroad_gets_its_tax_rule_with_its_account(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer(address=FRANCE, said=reverse_charge())
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert (paper.total, paper.tax, paper.lines[0].taxes) == (Decimal(100), ZERO, ("DE-RC-0",))
    (row,) = paper.taxes
    assert row.legal_notice is not None
    async with people_of(erp) as people:
        assert await people.tax_rule(buyer.party) == "DE-EU-RC"
