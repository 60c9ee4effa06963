"""Accounts that a CRM brings, on the real ERP: a twin is proposed, and a new one is made once."""

import asyncio
import secrets
from typing import Any

import pytest

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.buyers import GERMANY, Buyer, Shop
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(240)]


async def bring(buyer: Buyer, key: str | None = None, **said: Any) -> Row:
    headers = {"idempotency-key": key} if key else {}
    body = {"customer_id": buyer.customer, **said}
    found: Row = await buyer.world.trueup.ask("POST", "/v1/accounts", json=body, headers=headers)
    return found


async def called(shop: Shop, name: str) -> Buyer:
    buyer = await shop.buyer(address=GERMANY, said={"name": name})
    organization = {"name": name, "external_id": buyer.customer}
    await buyer.world.desk.ask("POST", "/api/v2/organizations", json={"organization": organization})
    return buyer


async def test_a_twin_is_proposed_and_decided_and_never_doubled(
    erp: ErpInstance, shop: Shop
) -> None:
    name = f"Twin {secrets.token_hex(4)}"
    async with people_of(erp) as people:
        known = await people.party(name)
    buyer = await called(shop, name)

    proposed = await bring(buyer, "first", external_ids={"crm": buyer.customer})
    assert proposed["outcome"] == "proposed", proposed
    assert [one["party"] for one in proposed["candidates"]] == [known]
    asked = await buyer.asked("account_ambiguous")
    assert asked["exception_id"] == proposed["exception_id"]
    assert known in proposed["words"]
    # The same again is answered as the first time, and asks nobody else.
    assert await bring(buyer, "first", external_ids={"crm": buyer.customer}) == proposed

    buyer.party = known
    await buyer.decide(asked, "correct", account=buyer.mapping())
    await buyer.settled()
    matched = await bring(buyer)
    assert (matched["outcome"], matched["party"], matched["rule"]) == ("matched", known, "mapping")
    async with people_of(erp) as people:
        assert await people.called(name) == [known]
    (row,) = (
        await buyer.world.trueup.ask(
            "GET", "/v1/accounts", params={"external": f"crm:{buyer.customer}"}
        )
    )["items"]
    assert row["account"]["erp_party"] == known


async def test_two_at_once_make_one_party(erp: ErpInstance, shop: Shop) -> None:
    name = f"Single {secrets.token_hex(4)}"
    buyer = await called(shop, name)
    foreseen = await buyer.world.trueup.ask(
        "POST",
        "/v1/accounts",
        json={"customer_id": buyer.customer},
        params={"dry_run": True},
    )
    assert (foreseen["outcome"], foreseen["done"]) == ("created", False)
    async with people_of(erp) as people:
        assert await people.called(name) == []

    both = await asyncio.gather(bring(buyer), bring(buyer))
    await buyer.settled()
    assert "created" in {one["outcome"] for one in both}, both
    async with people_of(erp) as people:
        assert await people.called(name) == [buyer.customer]
    again = await bring(buyer)
    assert (again["outcome"], again["party"]) == ("matched", buyer.customer)
