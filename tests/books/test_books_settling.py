"""What settles a document without a line: money, balance, and debt that is given up."""

from decimal import Decimal

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree
from tests.harness.buyers import Shop
from tests.harness.erp import books_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_downgrade_is_kept_as_balance_and_pays_what_comes_next(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 4000), 5)
    await buyer.change(sold, "always_invoice", price=await shop.price("Starter", 1000))
    await buyer.settled()
    found = await agree(erp, buyer)
    assert [one.gross for one in found.issued] == [Decimal("238.00"), Decimal("-178.50")]
    assert (found.balance, found.owed) == (Decimal("178.50"), Decimal("-178.50"))

    await buyer.renew(sold)
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.balance == Decimal("59.50")
    assert [paper.open for paper in found.papers.values()] == [0, 0, 0, 0]
    async with books_of(erp) as books:
        assert sum(await books.open_items(buyer.party, "LE-DE")) == Decimal("-59.50")


async def test_goodwill_is_an_expense_and_pays_the_next_invoice(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    await buyer.world.billing.make(
        f"customers/{buyer.customer}/balance_transactions", amount=-2000, currency="eur"
    )
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.owed == Decimal("-20.00")

    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert (found.balance, found.owed) == (ZERO, ZERO)


async def test_paid_in_part_then_elsewhere(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.world.billing.ask(
        "POST", f"/_sim/invoices/{issued['id']}/partial_payment", json={"amount": 4000}
    )
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.paper(issued["number"]).open == Decimal("79.00")

    await buyer.world.billing.make(f"invoices/{issued['id']}/pay", paid_out_of_band="true")
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == 0


async def test_given_up_in_billings_own_screen_then_paid_all_the_same(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    await buyer.charges("fail")
    owed = await buyer.renew(sold)
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == Decimal("119.00")

    before = await _bad_debt(erp)
    await buyer.world.billing.make(f"invoices/{owed['id']}/mark_uncollectible")
    await buyer.settled()
    found = await agree(erp, buyer)
    assert (found.owed, await _bad_debt(erp) - before) == (ZERO, Decimal("119.00"))

    await buyer.charges("succeed")
    await buyer.world.billing.make(f"invoices/{owed['id']}/pay")
    await buyer.settled()
    found = await agree(erp, buyer)
    assert (found.owed, await _bad_debt(erp) - before) == (ZERO, ZERO)


async def test_given_up_and_then_void_it_is_no_loss_and_nothing_stays_open(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    before = await _bad_debt(erp)
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.world.billing.make(f"invoices/{issued['id']}/mark_uncollectible")
    await buyer.settled()
    assert await _bad_debt(erp) - before == Decimal("119.00")

    await buyer.world.billing.make(f"invoices/{issued['id']}/void")
    await buyer.settled()
    await agree(erp, buyer)
    async with books_of(erp) as books:
        assert await books.open_items(buyer.party, buyer.entity) == []
    assert await _bad_debt(erp) == before


async def _bad_debt(erp: ErpInstance) -> Decimal:
    async with books_of(erp) as books:
        return (await books.trial_balance("LE-DE")).get("5.2.3", Decimal(0))


async def test_a_refund_without_a_credit_note_is_a_debt_of_its_own(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    charge = await buyer.charge()
    await buyer.world.billing.make("refunds", charge=charge["id"], amount=1950)
    await buyer.settled()

    found = await agree(erp, buyer)
    assert (found.issued[0].open, found.owed) == (ZERO, Decimal("19.50"))
    (listed,) = await buyer.differences()
    assert (listed["about"], listed["difference"]["minor"]) in (("debt", 1950), ("debt", -1950))


@pytest.mark.parametrize("end", ["won", "lost"])
async def test_a_dispute_is_a_debt_until_it_is_won(erp: ErpInstance, shop: Shop, end: str) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    charge = await buyer.charge()
    dispute = await buyer.world.billing.ask(
        "POST", f"/_sim/charges/{charge['id']}/dispute", json={}
    )
    await buyer.changes()
    found = await agree(erp, buyer)
    assert (found.issued[0].open, found.owed) == (ZERO, Decimal("119.00"))

    await buyer.world.billing.ask(
        "POST", f"/_sim/disputes/{dispute['id']}/close", json={"status": end}
    )
    await buyer.changes()
    found = await agree(erp, buyer)
    assert found.owed == (Decimal("119.00") if end == "lost" else 0)
    assert bool(await buyer.differences()) is (end == "lost")
