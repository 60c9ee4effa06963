"""What finance is asked, and what people change between a refusal and the next attempt."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree, sides_of
from tests.harness.buyers import FRANCE, TEXAS, Buyer, Shop, reverse_charge
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(240)]


async def test_a_customer_without_a_subscription_is_booked_all_the_same(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == Decimal("119.00")
    await buyer.world.billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == 0


async def test_mapped_to_another_party_between_refusal_and_retry(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    async with people_of(erp) as people:
        old, new = await people.party("Old owner"), await people.party("New owner")
    await buyer.map(party=old)
    issued = await _refused(shop, buyer, await shop.rate())
    await buyer.map(party=new)
    await buyer.decide(await buyer.asked("document_refused"), "retry")
    await buyer.settled()

    assert (await agree(erp, buyer)).paper(issued).open == Decimal("119.00")
    left = await sides_of(erp, _as(buyer, old))
    assert [paper for paper in left.papers.values() if paper.state != "cancelled"] == []


async def _refused(shop: Shop, buyer: Buyer, rate: str) -> str:
    """An invoice whose draft the ERP makes and refuses to post, once; its number."""
    await shop.front.fault(
        method="POST",
        body_contains="model.account.invoice.post",
        action="status",
        status=200,
        headers={"content-type": "application/json"},
        body='{"id": 1, "error": ["UserError", ["Not today.", "", null]]}',
        times=None,
    )
    try:
        issued = await buyer.invoice((10000, rate))
        await buyer.asked("document_refused")
    finally:
        await shop.front.no_faults()
    return str(issued["number"])


def _as(buyer: Buyer, party: str) -> Buyer:
    return Buyer(buyer.shop, buyer.customer, party, buyer.clock, buyer.now)


async def test_what_billing_changes_of_a_customer_is_asked_first(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    async with people_of(erp) as people:
        before = await people.name_and_tax_ids(buyer.party)
        await buyer.world.billing.make(f"customers/{buyer.customer}", name="Renamed GmbH")
        asked = await buyer.asked("master_data_changed")
        assert await people.name_and_tax_ids(buyer.party) == before
        await buyer.decide(asked, "approve")
        await buyer.settled()
        assert (await people.name_and_tax_ids(buyer.party))[0] == "Renamed GmbH"
    organization = await buyer.world.desk.organization(buyer.customer)
    assert organization["name"] == "Renamed GmbH"


async def test_a_tax_id_that_is_replaced_is_asked_before_a_document_names_it(
    erp: ErpInstance, shop: Shop
) -> None:
    """And a new name and another country with it."""
    before, after = reverse_charge(), reverse_charge()
    buyer = await shop.buyer(address=FRANCE, said=before)
    rate = await shop.rate()
    await buyer.invoice((10000, rate))
    await buyer.settled()
    billing = buyer.world.billing
    path = f"customers/{buyer.customer}"
    (old,) = await billing.all(f"{path}/tax_ids")
    await billing.ask("DELETE", f"/v1/{path}/tax_ids/{old['id']}")
    new = {name: after[f"tax_id_data[0][{name}]"] for name in ("type", "value")}
    await billing.make(f"{path}/tax_ids", **new)
    await billing.make(path, name="Merged SARL", **{**FRANCE, "address[city]": "Lyon"})
    issued = await buyer.invoice((20000, rate))
    asked = await buyer.asked("master_data_changed")
    assert set((await sides_of(erp, buyer)).papers) == {(await buyer.invoices())[0]["number"]}

    await buyer.decide(asked, "approve")
    await buyer.settled()
    assert (await agree(erp, buyer)).paper(issued["number"]).total == 200
    async with people_of(erp) as people:
        name, ids = await people.name_and_tax_ids(buyer.party)
    assert (name, ids) == ("Merged SARL", [buyer.customer, new["value"]])


async def test_a_large_credit_waits_for_a_yes_whatever_is_charged_beside_it(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 900000, "year"))
    await buyer.settled()
    await buyer.pass_(10)
    await buyer.change(sold, "always_invoice", price=await shop.price("Pro", 900100, "year"))
    asked = await buyer.asked("approval_needed")
    assert "EUR, more than 5,000 EUR" in asked["message"]
    first, second = await buyer.invoices()
    assert set((await sides_of(erp, buyer)).papers) == {first["number"]}
    assert await buyer.world.trueup.features(buyer.customer) == {"seats": 1, "sso": 1}
    await buyer.decide(asked, "approve")
    await buyer.settled()
    assert 0 < (await agree(erp, buyer)).paper(second["number"]).total < 2


async def test_or_it_is_carried_on_by_policy(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer(currency="usd", address=TEXAS)
    buyer.entity = "LE-US"
    rate = await shop.rate("8.25", country="US")
    await buyer.invoice((10000, rate))
    await buyer.settled()
    await buyer.world.billing.make(f"customers/{buyer.customer}", name="Renamed Inc.")
    await buyer.invoice((20000, rate))
    await buyer.settled()
    await agree(erp, buyer)
    async with people_of(erp, "LE-US") as people:
        assert (await people.name_and_tax_ids(buyer.party))[0] == "Renamed Inc."


async def test_what_is_not_billed_and_posted_by_hand_is_asked(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 10000))
    await buyer.pass_(10)
    await buyer.change(sold, "create_prorations", quantity=2)
    await buyer.settled()
    (draft,) = (await agree(erp, buyer)).drafts
    async with people_of(erp) as people:
        await people.post(draft.id, datetime.now(UTC).date())
    await buyer.change(sold, "create_prorations", quantity=3)
    await buyer.asked("unbilled_posted")


async def test_held_until_it_is_released(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    product = await shop.unmapped("Held")
    issued = await buyer.invoice((10000, await shop.rate()), products=(product,))
    asked = await buyer.asked("item_unmapped")
    await buyer.decide_document(issued["id"], "hold", reason="looked at by finance")
    await buyer.world.trueup.map(item={"item": product, "erp_item": "PRO"})
    await buyer.decide(asked, "retry")
    await buyer.settled()
    assert (await sides_of(erp, buyer)).papers == {}
    (listed,) = await buyer.differences()
    assert listed["key"] == issued["id"]

    await buyer.decide_document(issued["id"], "release")
    await buyer.settled()
    assert (await agree(erp, buyer)).owed == Decimal("119.00")


async def test_an_item_that_cannot_be_posted_is_mended_in_the_erp(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer()
    product = await shop.unmapped("No account")
    async with bookkeeper(erp) as keeper:
        # It could be posted when it was mapped, and loses its account afterwards.
        await keeper.map_product("UNMAPPED")
        try:
            await buyer.world.trueup.map(item={"item": product, "erp_item": "UNMAPPED"})
        finally:
            await keeper.unmap_product("UNMAPPED")
        issued = await buyer.invoice((10000, await shop.rate()), products=(product,))
        asked = await buyer.asked("item_not_postable")
        await keeper.map_product("UNMAPPED")
        try:
            await buyer.decide(asked, "retry")
            await buyer.settled()
            assert (await agree(erp, buyer)).paper(issued["number"]).tax == 19
        finally:
            await keeper.unmap_product("UNMAPPED")
