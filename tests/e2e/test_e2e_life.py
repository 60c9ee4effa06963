"""A customer's whole life through the front door, each step read from the systems themselves."""

import json

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree
from tests.harness.buyers import Shop
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


@pytest.mark.slow
async def test_a_new_customer_is_opened_everywhere_and_its_payment_booked(
    erp: ErpInstance, shop: Shop
) -> None:
    buyer = await shop.buyer(said={"name": "Neukunde GmbH"})
    await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.settled()

    async with people_of(erp) as people:
        name, identifiers = await people.name_and_tax_ids(buyer.party)
    assert (name, identifiers) == ("Neukunde GmbH", [buyer.customer])
    organization = await buyer.world.desk.organization(buyer.customer)
    assert organization["name"] == "Neukunde GmbH"
    found = await agree(erp, buyer)
    assert [(paper.state, paper.open) for paper in found.papers.values()] == [("paid", ZERO)]
    assert (await buyer.shown())[0] == "standard"
    await buyer.told({"seats": 5})


@pytest.mark.slow
async def test_an_invoice_is_not_paid_then_paid_late(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Pro", 4000), 5)
    await buyer.settled()
    await buyer.charges("fail")
    unpaid = await buyer.renew(sold)
    await buyer.settled()
    await buyer.told({"seats": 5, "sso": 1})
    assert (await agree(erp, buyer)).owed == 238

    await buyer.pass_(8)
    await buyer.look_again(sold)
    await buyer.told({})
    await buyer.settled()
    assert (await buyer.shown())[0] == "standard"
    check = await buyer.world.trueup.ask(
        "GET",
        "/v1/entitlements/check",
        params={"customer": buyer.customer, "feature": "sso"},
    )
    assert check["allowed"] is False
    assert "paid" in json.dumps(check["because_not"])

    await buyer.charges("succeed")
    await buyer.world.billing.make(f"invoices/{unpaid['id']}/pay")
    await buyer.settled()
    await buyer.told({"seats": 5, "sso": 1})
    assert (await buyer.shown())[0] == "premium"
    assert (await agree(erp, buyer)).owed == 0
    cases = (await buyer.world.trueup.ask("GET", "/v1/dunning"))["items"]
    assert unpaid["id"] not in {case["case"]["invoice_id"] for case in cases}


@pytest.mark.slow
async def test_billing_is_told_where_the_invoice_stands(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    issued = await buyer.invoice((10000, await shop.rate()))
    await buyer.settled()
    trueup, billing = buyer.world.trueup, buyer.world.billing
    await trueup.ask("POST", f"/v1/invoices/{issued['id']}/refresh")
    noted = (await billing.read(f"invoices/{issued['id']}"))["metadata"]
    assert noted["trueup_erp_number"].startswith("DE-")
    await billing.make(f"invoices/{issued['id']}/pay")
    await buyer.settled()

    answer = await trueup.ask("POST", f"/v1/invoices/{issued['id']}/refresh")
    assert answer["invoice"]["summary"]["erp_status"] == "paid"
    noted = (await billing.read(f"invoices/{issued['id']}"))["metadata"]
    assert noted["trueup_erp_status"] == "paid"
    await buyer.settled()
    await agree(erp, buyer)


@pytest.mark.slow
async def test_a_renewal_is_posted_and_support_extended(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.settled()
    before = (await buyer.shown())[1]

    await buyer.renew(sold)
    changes = await buyer.settled()
    assert "renewal" in {c["kind"] for c in changes if c["outcome"] == "completed"}
    found = await agree(erp, buyer)
    assert [paper.total for paper in found.papers.values()] == [one.gross for one in found.issued]
    after = (await buyer.shown())[1]
    assert before is not None
    assert after is not None
    assert after > before
    shows = await buyer.world.trueup.ask("GET", f"/v1/subscriptions/{sold['id']}")
    assert shows["contract"]["renews_at"][:10] == after
