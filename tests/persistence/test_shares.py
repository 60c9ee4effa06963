"""A share that moves to another organisation is remembered as left at the one before."""

import pytest

from canonical_models.entitlement import SubscriptionSupport
from persistence import shares
from persistence.database import Database
from persistence.raw import Raw

TENANT = "acme"
SHARE = SubscriptionSupport(tier="premium", contract_end=None, features=("sso",))


async def put(raw: Raw, organization: str, of: str = "sub_1", customer: str = "cus_1") -> None:
    await shares.put(raw, TENANT, of, organization, SHARE, customer_id=customer)


async def news(raw: Raw) -> int:
    """How often the customer's process of support was told of something."""
    found = await raw.execute(
        "select wanted from processes where workflow_id = 'entitlement/acme/cus_1/support'"
    )
    row = await found.fetchone()
    return row[0] if row else 0


async def test_one_that_stays_has_left_nothing(database: Database) -> None:
    async with database.work() as raw:
        await put(raw, "org_1")
        await put(raw, "org_1")
        assert await shares.left(raw, TENANT, "cus_1") == ()
        assert await news(raw) == 0


@pytest.mark.parametrize("under_lock", [True, False])
async def test_one_that_moves_is_news(database: Database, under_lock: bool) -> None:
    async with database.work() as raw:
        await put(raw, "org_1")
        if under_lock:
            asked = await shares.asked_with(
                raw, TENANT, "sub_1", "org_2", SHARE, customer_id="cus_1"
            )
            assert asked == (SHARE,)
        else:
            await put(raw, "org_2")
        assert await shares.left(raw, TENANT, "cus_1") == ("org_1",)
        assert await shares.asked_for(raw, TENANT, "org_1") == ()
        assert await news(raw) == 1
        await shares.taken_back(raw, TENANT, "cus_1", "org_1")
        assert await shares.left(raw, TENANT, "cus_1") == ()


async def test_one_that_moves_back_has_left_the_other(database: Database) -> None:
    async with database.work() as raw:
        for organization in ("org_1", "org_2", "org_3", "org_1"):
            await put(raw, organization)
        assert await shares.left(raw, TENANT, "cus_1") == ("org_2", "org_3")


async def test_all_of_a_customer_move_and_no_other(database: Database) -> None:
    async with database.work() as raw:
        await put(raw, "org_1")
        await put(raw, "org_2", "sub_2")
        await put(raw, "org_1", "sub_3", "cus_2")
        await shares.move(raw, TENANT, "cus_1", to="org_2")
        assert await shares.left(raw, TENANT, "cus_1") == ("org_1",)
        assert await shares.left(raw, TENANT, "cus_2") == ()
        assert await shares.asked_for(raw, TENANT, "org_2") == (SHARE, SHARE)
        assert await shares.asked_for(raw, TENANT, "org_1") == (SHARE,)
