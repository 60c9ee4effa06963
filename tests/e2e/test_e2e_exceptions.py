"""What a machine cannot decide: it waits, a person decides by API, the same saga goes on."""

import pytest

from demo.world import upgrade
from tests.e2e.conftest import Shop
from tests.harness.e2e_accounts import change, mapping, settled, subscriber, waiting
from tests.harness.e2e_reading import agreed, balance, change_of, documents, shown
from tests.harness.e2e_stack import Front

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def test_an_unknown_customer_is_mapped_by_the_person_who_decides(
    front: Front, shop: Shop
) -> None:
    world = front.world
    account = await subscriber(world, shop.starter, mapped=False)
    stuck = await waiting(front, account)
    (opened,) = await world.trueup.exceptions(stuck["change_id"])
    assert (opened["code"], opened["subject"]) == ("account_unmapped", account.customer)
    assert await documents(world, account) == []

    given = {
        "action": "correct",
        "account": mapping(account.customer, account.party),
        "note": "a new customer",
    }
    path = f"/v1/exceptions/{opened['exception_id']}/resolve"
    answer = await world.trueup.ask("POST", path, json=given)
    assert answer["exception"]["resolution"] == "correct"
    done = next(c for c in await settled(front, account) if c["change_id"] == stuck["change_id"])
    assert (done["outcome"], done["run_id"]) == ("completed", stuck["run_id"])
    await agreed(world, account)
    assert await world.trueup.features(account.customer) == {"seats": 5}


async def test_a_cancelled_change_is_undone_and_the_next_one_makes_up_for_it(
    front: Front, shop: Shop
) -> None:
    world = front.world
    account = await subscriber(world, shop.starter)
    await settled(front, account)
    before = (
        await balance(world, account),
        await world.trueup.features(account.customer),
        await shown(world, account),
    )
    await world.desk.refuse_organizations()
    try:
        await upgrade(world, account, shop.pro)
        stuck = await waiting(front, account)
        assert await balance(world, account) > before[0]
        path = f"/v1/changes/{stuck['change_id']}/cancel"
        assert (await world.trueup.ask("POST", path))["how"] == "requested"
        ended = (await settled(front, account))[-1]
    finally:
        await world.desk.recover()
    assert (ended["change_id"], ended["outcome"]) == (stuck["change_id"], "compensated")
    papers = [p for p in await documents(world, account) if change_of(p) == ended["change_id"]]
    assert [p["reference"] for p in papers] == [
        ended["change_id"],
        f"{ended['change_id']}/undo",
    ]
    assert before == (
        await balance(world, account),
        await world.trueup.features(account.customer),
        await shown(world, account),
    )
    assert await world.trueup.exceptions(ended["change_id"]) == []

    fields = {"items[0][id]": account.item, "items[0][quantity]": 6}
    await change(world, account, **fields)
    await settled(front, account)
    await agreed(world, account)
    assert await world.trueup.features(account.customer) == {"seats": 6, "sso": 1}
    assert (await shown(world, account))[0] == "premium"
