"""What a machine cannot decide: it waits, a person decides by API, the same saga goes on."""

import pytest

from sandbox.demo.observed import until
from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree, sides_of
from tests.harness.buyers import Buyer, Shop
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


async def test_an_unknown_customer_is_mapped_by_the_person_who_decides(
    erp: ErpInstance, shop: Shop
) -> None:
    # Of which country a legal entity would be found is not known.
    buyer = await shop.buyer(address={})
    organization = {"name": buyer.customer, "external_id": buyer.customer}
    await buyer.world.desk.ask("POST", "/api/v2/organizations", json={"organization": organization})
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    asked = await buyer.asked("account_unmapped")
    assert asked["subject"] == buyer.customer
    stuck = await buyer.world.trueup.ask("GET", f"/v1/changes/{asked['change_id']}")
    assert (await sides_of(erp, buyer)).papers == {}

    async with people_of(erp) as people:
        buyer.party = await people.party("A new customer")
    await buyer.decide(asked, "correct", account=buyer.mapping())
    await buyer.settled()
    changes = await buyer.world.trueup.changes(sold["id"])
    done = next(one for one in changes if one["change_id"] == asked["change_id"])
    assert (done["outcome"], done["run_id"]) == ("completed", stuck["change"]["run_id"])
    await agree(erp, buyer)
    assert await buyer.world.trueup.features(buyer.customer) == {"seats": 5}


@pytest.mark.long
async def test_a_cancelled_change_leaves_what_billing_has_issued_and_the_next_one_makes_up_for_it(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.settled()
    before = await buyer.shown()
    await buyer.world.desk.refuse_organizations()
    try:
        await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 4000))
        asked = await buyer.asked("support_refused")
        await booked(erp, buyer, 2)
        path = f"/v1/changes/{asked['change_id']}/cancel"
        assert (await buyer.world.trueup.ask("POST", path))["how"] == "requested"
        await ended(buyer, sold, asked["change_id"])
        assert await buyer.shown() == before
    finally:
        await buyer.world.desk.recover()
    # What came next may have been refused in the same way before that.
    await buyer.changes()
    for late in await buyer.questions():
        await buyer.decide(late, "retry")
    await buyer.settled("compensated")
    assert len((await agree(erp, buyer)).papers) == 2

    await buyer.change(sold, "create_prorations", quantity=6)
    await buyer.settled("compensated")
    await agree(erp, buyer)
    assert await buyer.world.trueup.features(buyer.customer) == {"seats": 6, "sso": 1}
    assert (await buyer.shown())[0] == "premium"


async def booked(erp: ErpInstance, buyer: Buyer, count: int) -> None:
    """Wait for so many documents in the books: they do not wait for support."""

    async def look() -> bool | None:
        found = await sides_of(erp, buyer)
        return (len(found.papers) == count and not found.differences()) or None

    await until(f"{count} documents of {buyer.customer} in the books", look)


async def ended(buyer: Buyer, sold: Row, change: str) -> None:
    """Wait until the change is taken back."""

    async def look() -> bool | None:
        found = await buyer.world.trueup.changes(sold["id"])
        outcomes = [one["outcome"] for one in found if one["change_id"] == change]
        return outcomes == ["compensated"] or None

    await until(f"{change} taken back", look)
