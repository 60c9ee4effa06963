"""What assets show, read whole and then by what has changed, at a real Request Tracker."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.reconciliation import Facts
from connectors.request_tracker import client, facts
from connectors.request_tracker.adapter import RequestTrackerTicketing

pytestmark = pytest.mark.rt

Agent = Callable[..., Awaitable[Any]]


async def made(support: RequestTrackerTicketing, customer: str) -> str:
    profile = AccountProfile(customer_id=customer, name=customer)
    return (await support.create_organization(customer, profile)).organization_id


async def whole(
    support: RequestTrackerTicketing, after: str | None = None
) -> tuple[dict[str, str | None], set[str], Facts]:
    """Tiers by customer, what is gone, and the last page."""
    told: dict[str, str | None] = {}
    gone: set[str] = set()
    while True:
        page = await support.facts(after=after)
        told |= {one.organization: one.tier for one in page.organizations}
        gone |= set(page.gone)
        if not page.more:
            return told, gone, page
        after = page.next


def tier(customer: str, name: str) -> SupportEntitlement:
    return SupportEntitlement(organization=customer, tier=name, contract_end=None, features=("x",))


async def test_all_of_them_then_what_has_changed(
    support: RequestTrackerTicketing,
    agent: Agent,
    customer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (client, facts):
        monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(facts, "_LATE", timedelta(0))
    names = [f"{customer}-{number}" for number in range(5)]
    assets = [await made(support, name) for name in names]
    await support.publish(tier(names[0], "gold"))
    nobody = await agent("POST", "/asset", {"Catalog": "Customers", "Name": "Nobody's"})
    elsewhere = await agent("POST", "/asset", {"Catalog": "General assets", "Name": "A desk"})

    told, gone, page = await whole(support)

    assert {name: told.get(name) for name in names} == {**dict.fromkeys(names), names[0]: "gold"}
    assert set(names) <= set(told)
    assert not gone

    # Agents change one, delete two, and make one of these anew; what is no customer's counts not.
    change = {"CustomFields": {"Trueup support tier": "bronze"}}
    await agent("PUT", f"/asset/{assets[1]}", change)
    for asset in (assets[2], assets[3], nobody["id"], elsewhere["id"]):
        await agent("PUT", f"/asset/{asset}", {"Status": "deleted"})
    await made(support, names[3])
    told, gone, page = await whole(support, page.next)
    assert told[names[1]] == "bronze"
    assert told[names[3]] is None
    assert names[2] not in told
    assert gone == {names[2]}
    _, gone, after = await whole(support, page.next)
    assert not gone
    assert after.next == page.next
    assert after.requests >= 2

    told, gone, _ = await whole(support)
    assert names[2] not in told
    assert {names[0], names[1], names[3], names[4]} <= set(told)


async def test_more_changes_than_are_read_one_by_one_are_a_reading_of_all(
    support: RequestTrackerTicketing, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, page = await whole(support)
    names = [f"{customer}-{number}" for number in range(4)]
    for name in names:
        await made(support, name)
    monkeypatch.setattr(facts, "_MOST_PAGES", 1)
    for module in (client, facts):
        monkeypatch.setattr(module, "PAGE", 2)
    told, _, _ = await whole(support, page.next)
    assert set(names) <= set(told)


@pytest.mark.parametrize("cursor", ["", "page 7", "2026-12-01|x", "1|2|3|4"])
async def test_what_is_no_cursor(support: RequestTrackerTicketing, cursor: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|isoformat|invalid literal"):
        await support.facts(after=cursor)
