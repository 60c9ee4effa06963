"""Revenue of a year is earned by the month, through an upgrade and a void."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, Sides, agree
from tests.harness.buyers import Shop
from tests.harness.erp import books_of
from tests.harness.erp_books import Deferral

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(240)]


async def _schedules(erp: ErpInstance, found: Sides, number: str) -> list[Deferral]:
    async with books_of(erp) as books:
        return await books.deferrals(found.paper(number).id)


async def _earned(erp: ErpInstance) -> dict[str, Decimal]:
    async with books_of(erp) as books:
        return await books.revenue_by_month("LE-DE")


def _gained(before: dict[str, Decimal], after: dict[str, Decimal]) -> dict[str, Decimal]:
    return {month: after.get(month, ZERO) - before.get(month, ZERO) for month in after | before}


async def test_a_year_is_earned_by_the_month_and_an_upgrade_in_the_middle_goes_on(
    erp: ErpInstance, shop: Shop
) -> None:
    before = await _earned(erp)
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 120000, "year"))
    await buyer.settled()
    found = await agree(erp, buyer)
    (issued,) = found.issued
    (schedule,) = await _schedules(erp, found, issued.number)
    assert schedule.amount == Decimal("1200.00")
    # Billing's end is exclusive: the year ends the day before.
    assert (schedule.start, schedule.end - schedule.start) == (issued.issued, timedelta(days=364))
    assert len(schedule.booked) == 13
    assert sum(_gained(before, await _earned(erp)).values()) == Decimal("1200.00")

    await buyer.pass_(90)
    await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 240000, "year"))
    await buyer.settled()
    found = await agree(erp, buyer)
    upgrade = found.issued[-1]
    schedules = await _schedules(erp, found, upgrade.number)
    paper = found.paper(upgrade.number)
    assert sorted(one.amount for one in schedules) == sorted(line.amount for line in paper.lines)
    assert {(one.start, one.end) for one in schedules} == {
        (buyer.now.date(), issued.issued + timedelta(days=364))
    }
    earned = await _earned(erp)
    moved = _gained(before, earned)
    assert sum(moved.values()) == sum(one.net for one in found.papers.values())
    full = [moved[f"{buyer.now + timedelta(days=days):%Y-%m}"] for days in (40, 200)]
    # By the day: 2,400.00 over 365 of them, in a month of 28 to 31.
    assert all(184 <= month <= 204 for month in full), full


@pytest.mark.long
async def test_a_void_takes_down_what_is_not_earned(erp: ErpInstance, shop: Shop) -> None:
    before = await _earned(erp)
    buyer = await shop.buyer()
    await buyer.subscribe(
        await shop.price("Starter", 120000, "year"),
        collection_method="send_invoice",
        days_until_due=30,
    )
    (issued,) = await buyer.invoices()
    if issued["status"] == "draft":
        await buyer.world.billing.make(f"invoices/{issued['id']}/finalize")
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == Decimal("1428.00")

    await buyer.pass_(60)
    await buyer.world.billing.make(f"invoices/{issued['id']}/void")
    await buyer.settled()
    found = await agree(erp, buyer)
    assert (found.owed, len(found.counter)) == (ZERO, 1)
    earned = await _earned(erp)
    moved = _gained(before, earned)
    assert sum(moved.values()) == 0
    # Months that were over keep what was earned in them; nothing is earned after the void.
    assert moved[_issued_month(found)] > 0
    assert all(not amount for month, amount in moved.items() if month > f"{buyer.now:%Y-%m}")


def _issued_month(found: Sides) -> str:
    return f"{found.issued[0].issued:%Y-%m}"
