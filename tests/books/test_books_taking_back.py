"""Documents that take back: credit notes, voids, and an abort by finance."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.demo.observed import until
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, Sides, agree, sides_of
from tests.harness.buyers import Buyer, Shop
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_credit_note_is_set_off_against_an_open_invoice(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    await _credit(shop, issued["id"], 5000)
    await buyer.settled()

    found = await agree(erp, buyer)
    paper, note = found.paper(issued["number"]), found.paper(found.issued[1].number)
    assert (paper.open, note.total, note.open) == (Decimal("59.50"), Decimal("-59.50"), ZERO)
    assert note.corrects == (paper.id,)


async def test_a_credit_note_whose_money_goes_back(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    (issued,) = await buyer.invoices()
    await _credit(shop, issued["id"], 5000, refund_amount=5950)
    await buyer.settled()

    found = await agree(erp, buyer)
    assert (found.owed, found.debts) == (ZERO, ZERO)
    assert await buyer.differences() == []


async def _credit(shop: Shop, invoice: str, net: int, **to: int) -> None:
    billing = shop.front.world.billing
    (line,) = await billing.all(f"invoices/{invoice}/lines")
    await billing.make(
        "credit_notes",
        **{
            "invoice": invoice,
            "lines[0][type]": "invoice_line_item",
            "lines[0][invoice_line_item]": line["id"],
            "lines[0][amount]": net,
            **to,
        },
    )


async def test_a_void_goes_to_the_entity_of_its_original_wherever_the_account_is_now(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    await buyer.map(entity="LE-US")
    await buyer.pass_(3)
    await buyer.world.billing.make(f"invoices/{issued['id']}/void")
    await buyer.settled()
    buyer.entity = "LE-DE"

    found = await agree(erp, buyer)
    paper, (void,) = found.paper(issued["number"]), found.counter
    assert (paper.total + void.total, paper.open, void.open) == (ZERO, ZERO, ZERO)
    assert (paper.raw["company"], void.raw["company"]) == (erp.companies["LE-DE"].id,) * 2
    assert void.corrects == (paper.id,)
    assert void.accounting_date == found.issued[0].issued + timedelta(days=3)


async def test_aborted_it_stays_out_and_is_listed_until_it_is_released(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 5000))
    await buyer.settled()
    await buyer.world.desk.refuse_organizations()
    try:
        await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 10000))
        asked = await buyer.asked("support_refused")
        await _booked(erp, buyer, 2)
        await buyer.decide(asked, "abort")
        await buyer.changes()
    finally:
        await buyer.world.desk.recover()
    found = await sides_of(erp, buyer)
    newest = found.issued[-1]
    assert found.paper(newest.number).open == 0
    assert [paper.total for paper in found.counter] == [-newest.gross]
    # It is paid in billing all the same: the money stands on the customer's account.
    assert found.owed == -newest.gross
    listed = await buyer.differences()
    assert newest.number in {entry["number"] for entry in listed}

    await buyer.renew(sold)
    await buyer.changes()
    found = await sides_of(erp, buyer)
    assert len(found.counter) == 1
    await buyer.decide_document(newest.key, "release")
    await buyer.settled("compensated")
    found = await agree(erp, buyer)
    assert len(found.counter) == 2
    assert await buyer.differences() == []


async def test_credited_by_hand_and_then_aborted_it_is_credited_once(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 5000))
    await buyer.settled()
    await buyer.world.desk.refuse_organizations()
    try:
        # Sent and not paid: what is paid cannot be credited by the client's wizard.
        await buyer.world.billing.make(
            f"subscriptions/{sold['id']}", collection_method="send_invoice", days_until_due=30
        )
        await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 10000))
        asked = await buyer.asked("support_refused")
        found = await _booked(erp, buyer, 2)
        newest = found.issued[-1]
        async with people_of(erp) as people:
            await people.credit(found.paper(newest.number).id)
        await buyer.decide(asked, "abort")
        await buyer.changes()
    finally:
        await buyer.world.desk.recover()
    found = await sides_of(erp, buyer)
    assert found.owed == 0
    credited = [p for p in (*found.papers.values(), *found.counter) if p.total == -newest.gross]
    assert len(credited) == 1


async def _booked(erp: ErpInstance, buyer: Buyer, count: int) -> Sides:
    """Wait for so many documents in the books: they do not wait for support."""

    async def look() -> Sides | None:
        found = await sides_of(erp, buyer)
        return found if len(found.papers) == count and not found.differences() else None

    return await until(f"{count} documents of {buyer.customer} in the books", look)


async def test_taken_back_by_finance_it_is_out_until_it_is_released(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    await buyer.decide_document(issued["id"], "take-back", reason="posted with a wrong article")
    await buyer.changes()
    found = await sides_of(erp, buyer)
    paper, (back,) = found.paper(issued["number"]), found.counter
    assert (paper.total + back.total, paper.open, back.open, found.owed) == (ZERO,) * 4
    assert back.corrects == (paper.id,)
    (listed,) = await buyer.differences()
    assert (listed["number"], listed["cause"]) == (issued["number"], "aborted")

    # Nothing posts it again by itself.
    await buyer.look_again()
    await buyer.changes()
    assert len((await sides_of(erp, buyer)).counter) == 1
    await buyer.decide_document(issued["id"], "release")
    await buyer.settled()
    await agree(erp, buyer)
    assert await buyer.differences() == []
