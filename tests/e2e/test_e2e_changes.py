"""Every kind of change goes in at billing's front door and is seen in every other system."""

from datetime import UTC, datetime

import pytest

from demo.systems import Row
from demo.world import Account
from tests.e2e.conftest import Shop
from tests.harness.e2e_accounts import DAY, change, move_to, settled, subscriber
from tests.harness.e2e_reading import agreed, change_of, documents, shown
from tests.harness.e2e_stack import Front

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def newest(front: Front, account: Account) -> Row:
    """The last change that did something."""
    changes = await settled(front, account)
    assert {c["outcome"] for c in changes} <= {"completed", "no_change"}
    return [c for c in changes if c["outcome"] == "completed"][-1]


async def papers_of(front: Front, account: Account, kind: str) -> list[Row]:
    """The ERP's documents of the account's newest change, which must be of this kind."""
    made = await newest(front, account)
    assert made["kind"] == kind
    return [p for p in await documents(front.world, account) if change_of(p) == made["change_id"]]


async def period_end(front: Front, account: Account) -> int:
    sold = await front.world.billing.read(f"subscriptions/{account.subscription}")
    return int(sold["items"]["data"][0]["current_period_end"])


def day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


async def test_changes_in_the_middle_of_a_month(front: Front, shop: Shop) -> None:
    world = front.world
    account = await subscriber(world, shop.starter)
    assert (await newest(front, account))["kind"] == "activation"
    end = day(await period_end(front, account))
    plan = {"items[0][id]": account.item}
    for kind, fields, features, tier in (
        ("upgrade", {**plan, "items[0][price]": shop.pro}, {"seats": 5, "sso": 1}, "premium"),
        ("quantity", {**plan, "items[0][quantity]": 8}, {"seats": 8, "sso": 1}, "premium"),
        (
            "add_on",
            {"items[0][price]": shop.add_on},
            {"assistant": 1, "seats": 8, "sso": 1},
            "premium",
        ),
        (
            "downgrade",
            {**plan, "items[0][price]": shop.starter},
            {"assistant": 1, "seats": 8},
            "standard",
        ),
    ):
        await change(world, account, proration_behavior="create_prorations", **fields)
        (paper,) = await papers_of(front, account, kind)
        assert len(paper["lines"]) == (1 if kind == "add_on" else 2)
        await agreed(world, account)
        assert await world.trueup.features(account.customer) == features
        assert await shown(world, account) == (tier, end)


async def test_cancelled_now_with_credit_for_the_rest(front: Front, shop: Shop) -> None:
    account = await subscriber(front.world, shop.starter)
    await settled(front, account)
    await front.world.billing.ask(
        "DELETE", f"/v1/subscriptions/{account.subscription}", data={"prorate": "true"}
    )
    (credit,) = await papers_of(front, account, "cancellation")
    assert credit["untaxed_amount"]["decimal"].startswith("-")
    await agreed(front.world, account)
    assert await front.world.trueup.features(account.customer) == {}
    assert await shown(front.world, account) == (None, None)


async def test_cancelled_at_the_end_reinstated_and_cancelled_again(
    front: Front, shop: Shop
) -> None:
    world = front.world
    account = await subscriber(world, shop.pro)
    await settled(front, account)
    end = await period_end(front, account)
    for kind, cancelled in (
        ("cancellation_scheduled", "true"),
        ("reinstatement", "false"),
        ("cancellation_scheduled", "true"),
    ):
        await change(world, account, cancel_at_period_end=cancelled)
        assert await papers_of(front, account, kind) == []
        assert await until_when(front, account) == {end if cancelled == "true" else None}
        assert await shown(world, account) == ("premium", day(end))

    await move_to(world, account, datetime.fromtimestamp(end, UTC) + DAY)
    assert await papers_of(front, account, "cancellation") == []
    assert await world.trueup.features(account.customer) == {}
    assert await shown(world, account) == (None, None)
    await agreed(world, account)


async def until_when(front: Front, account: Account) -> set[float | None]:
    """The ends of what the customer may use, in Unix seconds."""
    held = await front.world.trueup.ask(
        "GET", "/v1/entitlements", params={"customer": account.customer}
    )
    return {e["until"] and datetime.fromisoformat(e["until"]).timestamp() for e in held["items"]}
