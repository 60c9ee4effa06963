"""Every kind of change goes in at billing's front door and is seen in every other system."""

from datetime import UTC, datetime

import pytest

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import ZERO, agree
from tests.harness.buyers import DAY, Buyer, Shop, days_ago

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


async def kinds(buyer: Buyer, subscription: Row) -> list[str]:
    return [one["kind"] for one in await buyer.done(subscription)]


async def period_end(buyer: Buyer, subscription: Row) -> int:
    sold = await buyer.world.billing.read(f"subscriptions/{subscription['id']}")
    return int(sold["items"]["data"][0]["current_period_end"])


def day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


async def test_changes_in_the_middle_of_a_month(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    assert await kinds(buyer, sold) == ["activation"]
    await buyer.pass_(10)
    end = day(await period_end(buyer, sold))
    plan = {"items[0][id]": sold["items"]["data"][0]["id"]}
    add_on = await shop.price("AI assistant", 900)
    pending = 0
    for kind, fields, features, tier in (
        (
            "upgrade",
            {**plan, "items[0][price]": await shop.price("Pro", 4000)},
            {"seats": 5, "sso": 1},
            "premium",
        ),
        ("quantity", {**plan, "items[0][quantity]": 8}, {"seats": 8, "sso": 1}, "premium"),
        ("add_on", {"items[0][price]": add_on}, {"assistant": 1, "seats": 8, "sso": 1}, "premium"),
        (
            "downgrade",
            {**plan, "items[0][price]": await shop.price("Starter", 1000)},
            {"assistant": 1, "seats": 8},
            "standard",
        ),
    ):
        await buyer.world.billing.make(
            f"subscriptions/{sold['id']}", proration_behavior="create_prorations", **fields
        )
        assert (await kinds(buyer, sold))[-1] == kind
        found = await agree(erp, buyer)
        (draft,) = found.drafts
        assert len(draft.lines) > pending
        pending = len(draft.lines)
        assert await buyer.world.trueup.features(buyer.customer) == features
        assert await buyer.shown() == (tier, end)
    await buyer.renew(sold)
    await buyer.settled()
    found = await agree(erp, buyer)
    assert (len(found.papers), found.drafts, found.owed) == (2, [], ZERO)


async def test_cancelled_now_with_credit_for_the_rest(erp: ErpInstance, shop: Shop) -> None:
    buyer = await shop.buyer()
    sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
    await buyer.pass_(10)
    await buyer.world.billing.ask(
        "DELETE",
        f"/v1/subscriptions/{sold['id']}",
        data={"prorate": "true", "invoice_now": "true"},
    )
    await buyer.settled()
    found = await agree(erp, buyer)
    credit = found.paper(found.issued[-1].number)
    assert credit.total < 0
    assert found.owed == credit.total
    assert await buyer.world.trueup.features(buyer.customer) == {}
    assert await buyer.shown() == (None, None)


async def test_cancelled_at_the_end_reinstated_and_cancelled_again(
    erp: ErpInstance, shop: Shop
) -> None:
    # What ends is still to come, for everybody's clock.
    buyer = await shop.buyer(begun=days_ago(10))
    sold = await buyer.subscribe(await shop.price("Pro", 4000), 5)
    await buyer.settled()
    end = await period_end(buyer, sold)
    for kind, cancelled in (
        ("cancellation_scheduled", "true"),
        ("reinstatement", "false"),
        ("cancellation_scheduled", "true"),
    ):
        await buyer.world.billing.make(
            f"subscriptions/{sold['id']}", cancel_at_period_end=cancelled
        )
        assert (await kinds(buyer, sold))[-1] == kind
        assert await until_when(buyer) == {end if cancelled == "true" else None}
        assert await buyer.shown() == ("premium", day(end))

    await buyer.move_to(datetime.fromtimestamp(end, UTC) + DAY)
    await buyer.settled()
    assert await buyer.world.trueup.features(buyer.customer) == {}
    assert await buyer.shown() == (None, None)
    found = await agree(erp, buyer)
    assert len(found.papers) == 1


async def until_when(buyer: Buyer) -> set[float | None]:
    """The ends of what the customer may use, in Unix seconds."""
    held = await buyer.world.trueup.ask(
        "GET", "/v1/entitlements", params={"customer": buyer.customer}
    )
    return {e["until"] and datetime.fromisoformat(e["until"]).timestamp() for e in held["items"]}
