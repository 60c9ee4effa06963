"""A contribution that moves to another organisation is remembered as left at the one before."""

import pytest

from canonical_models.entitlement import SubscriptionSupport
from persistence import support_contributions
from persistence.connection import Connection
from persistence.database import Database

TENANT = "acme"
SHARE = SubscriptionSupport(tier="premium", contract_end=None, features=("sso",))


async def put(
    conn: Connection, organization: str, of: str = "sub_1", customer: str = "cus_1"
) -> None:
    await support_contributions.put(conn, TENANT, of, organization, SHARE, customer_id=customer)


async def news(conn: Connection) -> int:
    """How often the customer's process of support was told of something."""
    found = await conn.execute(
        "select news from processes where workflow_id = 'entitlement/acme/cus_1/support'"
    )
    row = await found.fetchone()
    return row[0] if row else 0


async def test_one_that_stays_has_left_nothing(database: Database) -> None:
    async with database.transaction() as conn:
        await put(conn, "org_1")
        await put(conn, "org_1")
        assert await support_contributions.left(conn, TENANT, "cus_1") == ()
        assert await news(conn) == 0


@pytest.mark.parametrize("under_lock", [True, False])
async def test_one_that_moves_is_news(database: Database, under_lock: bool) -> None:
    async with database.transaction() as conn:
        await put(conn, "org_1")
        if under_lock:
            asked = await support_contributions.asked_with(
                conn, TENANT, "sub_1", "org_2", SHARE, customer_id="cus_1"
            )
            assert asked == (SHARE,)
        else:
            await put(conn, "org_2")
        assert await support_contributions.left(conn, TENANT, "cus_1") == ("org_1",)
        assert await support_contributions.asked_for(conn, TENANT, "org_1") == ()
        assert await news(conn) == 1
        await support_contributions.taken_back(conn, TENANT, "cus_1", "org_1")
        assert await support_contributions.left(conn, TENANT, "cus_1") == ()


async def test_one_that_moves_back_has_left_the_other(database: Database) -> None:
    async with database.transaction() as conn:
        for organization in ("org_1", "org_2", "org_3", "org_1"):
            await put(conn, organization)
        assert await support_contributions.left(conn, TENANT, "cus_1") == ("org_2", "org_3")


async def test_all_of_a_customer_move_and_no_other(database: Database) -> None:
    async with database.transaction() as conn:
        await put(conn, "org_1")
        await put(conn, "org_2", "sub_2")
        await put(conn, "org_1", "sub_3", "cus_2")
        await support_contributions.move(conn, TENANT, "cus_1", to="org_2")
        assert await support_contributions.left(conn, TENANT, "cus_1") == ("org_1",)
        assert await support_contributions.left(conn, TENANT, "cus_2") == ()
        assert await support_contributions.asked_for(conn, TENANT, "org_2") == (SHARE, SHARE)
        assert await support_contributions.asked_for(conn, TENANT, "org_1") == (SHARE,)
