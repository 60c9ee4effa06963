"""Every kind of change goes in at billing's front door and is seen in every other system."""

from datetime import UTC, datetime
from typing import Any

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


@pytest.mark.parametrize(
    ("kind", "sold", "form", "features", "tier"),
    [
        ("upgrade", "starter", {"[price]": "pro"}, {"seats": 5, "sso": 1}, "premium"),
        ("downgrade", "pro", {"[price]": "starter"}, {"seats": 5}, "standard"),
        ("quantity", "starter", {"[quantity]": 8}, {"seats": 8}, "standard"),
        ("add_on", "starter", {"new": "add_on"}, {"seats": 5, "assistant": 1}, "standard"),
    ],
)
async def test_a_change_in_the_middle_of_a_month(
    front: Front,
    shop: Shop,
    kind: str,
    sold: str,
    form: dict[str, Any],
    features: dict[str, int],
    tier: str,
) -> None:
    account = await subscriber(front.world, getattr(shop, sold))
    assert (await newest(front, account))["kind"] == "activation"
    if "new" in form:
        fields = {"items[0][price]": getattr(shop, form["new"])}
    else:
        ((name, value),) = form.items()
        fields = {
            "items[0][id]": account.item,
            f"items[0]{name}": getattr(shop, str(value), value),
        }
    await change(front.world, account, proration_behavior="create_prorations", **fields)
    (paper,) = await papers_of(front, account, kind)
    assert {"number", "lines"} <= paper.keys()
    assert len(paper["lines"]) == (1 if kind == "add_on" else 2)
    await agreed(front.world, account)
    assert await front.world.trueup.features(account.customer) == features
    assert await shown(front.world, account) == (tier, day(await period_end(front, account)))


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


async def test_cancelled_at_the_end_of_the_period_which_then_comes(
    front: Front, shop: Shop
) -> None:
    world = front.world
    account = await subscriber(world, shop.pro)
    await settled(front, account)
    await change(world, account, cancel_at_period_end="true")
    assert await papers_of(front, account, "cancellation_scheduled") == []
    end = await period_end(front, account)
    assert await shown(world, account) == ("premium", day(end))
    held = await world.trueup.ask("GET", "/v1/entitlements", params={"customer": account.customer})
    assert {datetime.fromisoformat(e["until"]).timestamp() for e in held["items"]} == {end}

    await move_to(world, account, datetime.fromtimestamp(end, UTC) + DAY)
    assert await papers_of(front, account, "cancellation") == []
    assert await world.trueup.features(account.customer) == {}
    assert await shown(world, account) == (None, None)
    await agreed(world, account)


async def test_reinstated_before_the_end(front: Front, shop: Shop) -> None:
    world = front.world
    account = await subscriber(world, shop.starter)
    await settled(front, account)
    await change(world, account, cancel_at_period_end="true")
    assert (await newest(front, account))["kind"] == "cancellation_scheduled"
    await change(world, account, cancel_at_period_end="false")
    assert await papers_of(front, account, "reinstatement") == []
    held = await world.trueup.ask("GET", "/v1/entitlements", params={"customer": account.customer})
    assert [(e["feature"], e["quantity"], e["until"]) for e in held["items"]] == [
        ("seats", 5, None)
    ]
    await agreed(world, account)
