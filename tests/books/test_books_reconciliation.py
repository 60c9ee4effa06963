"""What people do by hand in billing, ERP, support and a target is found, with its cause, and set
right where a machine may."""

from decimal import Decimal

import pytest

from sandbox.demo.observed import until
from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree
from tests.harness.buyers import Buyer, Shop, days_ago
from tests.harness.erp import books_of
from tests.harness.erp_documents import Document
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

Found = dict[tuple[str, str], tuple[str, str]]


async def reconciled(buyer: Buyer, *, repair: bool = False) -> Found:
    """What differs of the customer and is not on its way: cause and repair by system and kind.
    Support tells of an organisation a minute after it was made."""
    path = f"/v1/reconciliations{'/repair' if repair else ''}?customer={buyer.customer}"

    async def done() -> Row | None:
        answer = await buyer.world.trueup.ask("POST", path)
        return answer if answer["finished"] else None

    await until(f"everything of {buyer.customer} is compared", done)
    return {
        (one["system"], one["what"]): (one["cause"], one["repair"])
        for one in await found_of(buyer)
        if one["cause"] != "in_flight"
    }


async def found_of(buyer: Buyer) -> list[Row]:
    """All that the last comparison has found of the customer."""
    listed = await buyer.world.trueup.ask(
        "GET",
        "/v1/reconciliations/differences",
        params={"customer": buyer.customer, "limit": 200},
    )
    found: list[Row] = listed["items"]
    return found


async def apart(buyer: Buyer, about: str) -> dict[str, tuple[str, str, int]]:
    """Cause, repair and by how many minor units the ERP has more; by what it is and, of revenue, of
    which month."""
    return {
        one["key"].split("/")[1] if about == "revenue" else one["what"]: (
            one["cause"],
            one["repair"],
            one["erp"]["minor"] - one["billing"]["minor"],
        )
        for one in await found_of(buyer)
        if one["about"] == about
    }


async def test_accounts_and_revenue_that_people_have_moved_by_hand_are_found(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    await buyer.subscribe(
        await shop.price("Starter", 120000, "year"),
        collection_method="send_invoice",
        days_until_due=30,
    )
    (drafted,) = await buyer.invoices()
    if drafted["status"] == "draft":
        await buyer.world.billing.make(f"invoices/{drafted['id']}/finalize")
    await buyer.settled()
    found = await agree(erp, buyer)
    (issued,) = found.issued
    assert await reconciled(buyer) == {}

    # Money on account, and revenue without a document.
    day = days_ago(0).date()
    month = f"{day:%Y-%m}"
    before = of_nobody(await revenue_of(buyer, month))
    async with people_of(erp) as people:
        await people.entry(
            day, ("bank", Decimal(30), None), ("receivable", Decimal(-30), buyer.party)
        )
        await people.entry(day, ("bank", Decimal(70), None), ("revenue", Decimal(-70), None))
    assert await reconciled(buyer) == {("erp", "account"): ("by_hand", "in_erp")}
    assert await apart(buyer, "receivable") == {"account": ("by_hand", "in_erp", -3000)}
    whole = await everything(buyer)
    listed = await revenue_of(buyer, month)
    assert of_nobody(listed) - before == 7000
    # What the result says of the month is the sum of it, whoever else shares these books.
    assert sum(
        one["more"]["minor"]
        for one in whole["months"]
        if (one["legal_entity"], one["month"], one["what"]) == (buyer.entity, month, "revenue")
    ) == sum(one["erp"]["minor"] - one["billing"]["minor"] for one in listed)

    # A credit by hand of what is deferred: its schedule goes on.
    async with people_of(erp) as people:
        await people.credit(found.paper(issued.number).id)
    await reconciled(buyer)
    async with books_of(erp) as books:
        (schedule,) = await books.deferrals(found.paper(issued.number).id)
    credited = max(
        one.invoice_date or day for one in await documents_of(erp, buyer) if one.total < 0
    )
    # The last month bears what rounding left of the others.
    *earlier, last = schedule.booked
    earned = {month: schedule.booked[month] for month in earlier}
    earned[last] = schedule.amount - sum(earned.values())
    goes_on = {
        month: ("by_hand", "in_erp", int(amount * 100))
        for month, amount in earned.items()
        if month > f"{credited:%Y-%m}"
    }
    assert goes_on
    assert await apart(buyer, "revenue") == goes_on


async def test_money_that_came_past_billing_is_told_to_it_and_not_entered_again(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice(
        (10000, await shop.rate()), collection_method="send_invoice", days_until_due=30
    )
    await buyer.settled()
    found = await agree(erp, buyer)
    assert found.owed == Decimal("119.00")
    day = days_ago(0).date()
    paper = found.paper(issued["number"])
    async with people_of(erp) as people:
        paid = ("bank", Decimal(119), None), ("receivable", Decimal(-119), buyer.party)
        await people.reconcile(paper.raw["move"], await people.entry(day, *paid))
    assert await reconciled(buyer) == {("erp", "open"): ("by_hand", "tell")}
    assert (await buyer.invoices())[0]["status"] == "open"

    await reconciled(buyer, repair=True)
    await buyer.settled()
    (now,) = await buyer.invoices()
    assert now["status"] == "paid"
    assert (await agree(erp, buyer)).owed == 0
    assert await reconciled(buyer, repair=True) == {}
    async with books_of(erp) as books:
        assert await books.open_items(buyer.party, buyer.entity) == []


async def documents_of(erp: ErpInstance, buyer: Buyer) -> list[Document]:
    async with books_of(erp) as books:
        return await books.documents(party=buyer.party)


async def everything(buyer: Buyer) -> Row:
    async def done() -> Row | None:
        answer = await buyer.world.trueup.ask("POST", "/v1/reconciliations")
        return answer if answer["finished"] else None

    answer = await until("everything is compared", done)
    result: Row = answer["result"]
    return result


async def revenue_of(buyer: Buyer, month: str) -> list[Row]:
    """Where the revenue of a month differs in the buyer's legal entity, by everything compared."""
    await everything(buyer)
    listed = await buyer.world.trueup.ask(
        "GET", "/v1/reconciliations/differences", params={"entity": buyer.entity, "limit": 200}
    )
    return [
        one
        for one in listed["items"]
        if (one["about"], one["what"]) == ("revenue", "revenue")
        and one["key"].split("/")[1] == month
    ]


def of_nobody(listed: list[Row]) -> int:
    """What people have moved on revenue without a document, in minor units."""
    return sum(one["erp"]["minor"] for one in listed if not one["customer_id"])


async def test_what_was_done_by_hand_anywhere_is_found_and_set_right(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    billing, product = buyer.world.billing, buyer.world.product
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.settled()
    await agree(erp, buyer)
    assert await reconciled(buyer) == {}
    (issued,) = await buyer.invoices()

    # A second document and one that billing knows nothing of; a target that was restored; and a
    # change that billing tells nobody of.
    async with people_of(erp) as people:
        day = days_ago(0).date()
        twin = await people.sold(buyer.party, issued["number"], Decimal(100), "DE-VAT-19", day)
        await people.sold(buyer.party, "by hand", Decimal(50), "DE-VAT-19", day)
    held = (await product.http.get(f"/_sim/customers/{buyer.customer}")).json()
    more = [{**one, "quantity": 500} for one in held["features"]]
    await product.http.put(f"/_sim/customers/{buyer.customer}", json={**held, "features": more})
    await billing.ask("POST", "/_sim/deliveries", json={"hold": True})
    try:
        await buyer.change(sold, "always_invoice", quantity=3)
        found = await reconciled(buyer)
        assert found == {
            ("erp", "doubled"): ("by_hand", "in_erp"),
            ("erp", "unknown"): ("by_hand", "in_erp"),
            ("app", "features"): ("by_hand", "publish"),
            ("erp", "missing"): ("billing_changed", "sync"),
            ("entitlements", "items"): ("billing_changed", "sync"),
        }
        await reconciled(buyer, repair=True)
        await buyer.changes()
        async with people_of(erp) as people:
            await people.credit(twin)

        async def left() -> bool | None:
            kinds = set(await reconciled(buyer))
            return kinds == {("erp", "unknown")} or None

        await until("all but what people made in the ERP is set right", left)
    finally:
        await billing.ask("POST", "/_sim/deliveries/release", json={"order": "oldest"})
    listed = {
        (one["about"], one["what"])
        for one in await buyer.differences()
        if one["cause"] != "in_flight"
    }
    assert listed == {("document", "erp:unknown")}
