"""Documents of every kind: billed at once, discounted, edited, late, over nothing, by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.demo.observed import until
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree, sides_of
from tests.harness.buyers import TEXAS, Buyer, Shop, days_ago
from tests.harness.erp import books_of
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_an_upgrade_billed_at_once_is_a_document_of_two_lines_with_their_periods(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 120000, "year"))
    await buyer.pass_(100)
    await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 240000, "year"))
    await buyer.settled()
    found = await agree(erp, buyer)
    first, upgrade = (found.paper(one.number) for one in found.issued)
    assert sorted(line.amount > 0 for line in upgrade.lines) == [False, True]
    end = first.lines[0].defer_to
    assert {(line.defer_from, line.defer_to) for line in upgrade.lines} == {(buyer.now.date(), end)}


async def test_pending_items_are_booked_as_they_were_edited(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.pass_(10)
    await buyer.change(sold, "create_prorations", quantity=2)
    await buyer.settled()
    billing = buyer.world.billing
    for item in await billing.all("invoiceitems", customer=buyer.customer, pending="true"):
        await billing.make(f"invoiceitems/{item['id']}", amount=item["amount"] // 2)
    await buyer.look_again(sold)
    await buyer.settled()
    (draft,) = (await agree(erp, buyer)).drafts

    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.drafts == []
    assert found.paper(found.issued[-1].number).net == Decimal("200.00") + draft.net


async def test_a_coupon_is_in_the_lines_as_billing_has_it(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    coupon = await buyer.world.billing.make("coupons", percent_off="33.3", duration="once")
    sold = await buyer.subscribe(
        await shop.price("Pro", 10000), **{"discounts[0][coupon]": coupon["id"]}
    )
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert [found.paper(one.number).net for one in found.issued] == [Decimal("66.70"), 100]


async def test_a_document_over_nothing_is_posted_and_open_nowhere(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    coupon = await buyer.world.billing.make("coupons", percent_off="100", duration="once")
    await buyer.subscribe(await shop.price("Pro", 10000), **{"discounts[0][coupon]": coupon["id"]})
    await buyer.settled()
    found = await agree(erp, buyer)
    (paper,) = found.papers.values()
    assert (paper.total, paper.open) == (Decimal(0), Decimal(0))


async def test_one_that_is_late_keeps_its_day_in_the_books_and_gets_the_next_date(
    erp: ErpInstance, shop: Shop
) -> None:
    """Tryton numbers by date; the legal entity lets it number what is late by itself."""
    rate = await shop.rate("8.25", country="US", tax_type="sales_tax")
    early = await shop.buyer(begun=days_ago(90), currency="usd", address=TEXAS)
    late = await shop.buyer(begun=days_ago(80), currency="usd", address=TEXAS)
    early.entity = late.entity = "LE-US"
    await late.invoice((10000, rate))
    await late.settled()
    issued = await early.invoice((5000, rate))
    await early.settled()
    paper = (await agree(erp, early)).paper(issued["number"])
    assert paper.accounting_date == early.now.date()
    assert paper.invoice_date is not None
    assert paper.invoice_date >= early.now.date() + timedelta(days=10)


async def test_left_out_by_a_person_it_is_a_difference_that_was_accepted(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    product = await shop.unmapped("Left out")
    issued = await buyer.invoice((10000, await shop.rate()), products=(product,))
    await buyer.asked("item_unmapped")
    # It answers the question too.
    await buyer.decide_document(issued["id"], "skip", reason="billed by mistake")
    await _answered(buyer)
    assert (await sides_of(erp, buyer)).papers == {}
    (listed,) = await buyer.differences()
    assert (listed["key"], "billed by mistake" in str(listed)) == (issued["id"], True)


async def test_made_by_hand_it_is_linked_and_settled_like_any_other(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    product = await shop.unmapped("By hand")
    async with people_of(erp) as people:
        await buyer.map(party=await people.party("By hand"))
        issued = await buyer.invoice((10000, await shop.rate()), products=(product,))
        await buyer.asked("item_unmapped")
        day = days_ago(0).date()
        made = await people.sold(buyer.party, issued["number"], Decimal(100), "DE-VAT-19", day)
    await buyer.world.trueup.map(item={"item": product, "erp_item": "PRO"})
    await buyer.decide_document(issued["id"], "link", document=str(made))
    await _answered(buyer)
    assert [paper.id for paper in (await agree(erp, buyer)).papers.values()] == [made]

    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == 0


async def test_the_last_invoice_of_a_customer_that_is_deleted_is_booked(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    issued = await buyer.invoice((5000, await shop.rate()))
    await buyer.world.billing.ask("DELETE", f"/v1/customers/{buyer.customer}")
    await buyer.settled()
    # Billing lists nothing of it any more.
    async with books_of(erp) as books:
        papers = await books.documents(party=buyer.party)
    last = [paper for paper in papers if str(paper.reference).startswith(issued["number"])]
    assert [paper.total for paper in last] == [Decimal("59.50")]
    assert await buyer.world.trueup.features(buyer.customer) == {}


async def _answered(buyer: Buyer) -> None:
    """A decision on a document answers the question about it, once the saga has heard of it."""

    async def look() -> bool | None:
        return not await buyer.questions() or None

    await until(f"no question about {buyer.customer}", look)
    await buyer.settled()
