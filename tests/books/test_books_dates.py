"""The day of a document is billing's, whatever the day is on which it could be booked."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree, sides_of
from tests.harness.buyers import TEXAS, Shop

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(180)]

LAST_YEAR = datetime.now(UTC).year - 1


async def test_mended_days_later_it_is_dated_as_it_was_issued(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer(begun=datetime(LAST_YEAR, 10, 30, 12, tzinfo=UTC))
    product = await shop.unmapped("Not known yet")
    issued = await buyer.invoice((10000, await shop.rate()), products=(product,))
    asked = await buyer.asked("item_unmapped")
    await buyer.pass_(5)
    assert asked["subject"] != product
    await buyer.decide(asked, "correct", item={"item": product, "erp_item": "PRO"})
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    day = date(LAST_YEAR, 10, 30)
    assert (paper.invoice_date, paper.accounting_date) == (day, day)


async def test_a_closed_month_is_asked_and_gets_the_day_that_finance_gives(
    erp: ErpInstance, shop: Shop
) -> None:
    closed = datetime(LAST_YEAR, 6, 10, 12, tzinfo=UTC)
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-DE", closed.date())
    buyer = await shop.buyer(begun=closed)
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    asked = await buyer.asked("period_closed")
    booked = date(LAST_YEAR, 7, 3)
    await buyer.decide(
        asked,
        "correct",
        document={"document_id": issued["id"], "posting_date": booked.isoformat()},
    )
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert paper.accounting_date == booked


async def test_a_closed_month_by_policy_gives_the_first_open_day(
    erp: ErpInstance, shop: Shop
) -> None:
    closed = datetime(LAST_YEAR, 6, 10, 12, tzinfo=UTC)
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-US", closed.date())
    buyer = await shop.buyer(begun=closed, currency="usd", address=TEXAS)
    buyer.entity = "LE-US"
    sales_tax = await shop.rate("8.25", country="US")
    issued = await buyer.invoice((10000, sales_tax))
    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    paper = (await agree(erp, buyer)).paper(issued["number"])
    assert paper.accounting_date == date(LAST_YEAR, 7, 1)


async def test_what_was_issued_before_the_cutover_is_not_booked(
    erp: ErpInstance, shop: Shop
) -> None:
    cutover = datetime(LAST_YEAR, 1, 1, 12, tzinfo=UTC)
    buyer = await shop.buyer(begun=cutover - timedelta(days=40))
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    await buyer.renew(sold)
    await buyer.settled()
    assert (await sides_of(erp, buyer)).papers == {}
    issued = await buyer.renew(sold)
    await buyer.settled()
    found = await sides_of(erp, buyer)
    assert list(found.papers) == [issued["number"]]
    assert (found.paper(issued["number"]).open, found.owed) == (ZERO, ZERO)
