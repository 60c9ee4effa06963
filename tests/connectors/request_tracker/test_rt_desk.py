"""Open tickets of a customer, and how they follow a tier, at a real Request Tracker."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from connectors.request_tracker.adapter import UNTOLD, RequestTrackerTicketing

pytestmark = pytest.mark.rt

Agent = Callable[..., Awaitable[Any]]
Connect = Callable[..., RequestTrackerTicketing]

LEVELS = {"gold": "premium", "basic": "standard"}


async def made(support: RequestTrackerTicketing, customer: str) -> str:
    profile = AccountProfile(customer_id=customer, name=customer)
    return (await support.create_organization(customer, profile)).organization_id


async def ticket(agent: Agent, asset: str, **more: Any) -> str:
    body = {"Queue": "Support", "Subject": "Down <b>", "Content": "x", "RefersTo": f"asset:{asset}"}
    number: str = (await agent("POST", "/ticket", {**body, **more}))["id"]
    return number


def tier(customer: str, name: str | None) -> SupportEntitlement:
    return SupportEntitlement(organization=customer, tier=name, contract_end=None)


async def test_open_tickets_that_are_linked_to_the_customer(
    connect: Connect, agent: Agent, customer: str
) -> None:
    support = connect(sla_levels=LEVELS)
    asset, other = await made(support, customer), await made(support, f"{customer}-b")
    await support.publish(tier(customer, "gold"))
    open_ = await ticket(agent, asset, Priority=50)
    done = await ticket(agent, asset)
    await agent("PUT", f"/ticket/{done}", {"Status": "resolved"})
    await ticket(agent, other, Subject="Of others")

    desk = await support.desk(customer)

    assert desk is not None
    assert desk.complete
    (case,) = desk.cases
    seen = await agent("GET", f"/ticket/{open_}")
    assert (case.case_id, case.subject, case.status, case.priority) == (
        open_,
        "Down <b>",
        "new",
        "50",
    )
    assert case.url is not None
    assert case.url.endswith(f"/Ticket/Display.html?id={open_}")
    (deadline,) = case.deadlines
    assert deadline.breach_at is not None
    assert deadline.breach_at.isoformat().replace("+00:00", "Z") == seen["Due"]
    assert desk.sla is not None
    assert (desk.sla.title, desk.sla.targets) == ("premium", ())
    assert desk.sla_problem == UNTOLD
    assert "not supported" in UNTOLD


async def test_open_tickets_follow_a_tier_where_that_is_the_policy(
    connect: Connect, agent: Agent, customer: str
) -> None:
    support = connect(sla_levels=LEVELS, open_tickets="follow")
    asset = await made(support, customer)
    await support.publish(tier(customer, "basic"))
    plain = await ticket(agent, asset)
    agents = await ticket(agent, asset, SLA="by contract 2019")
    done = await ticket(agent, asset)
    await agent("PUT", f"/ticket/{done}", {"Status": "resolved"})
    due = (await agent("GET", f"/ticket/{plain}"))["Due"]

    await support.publish(tier(customer, "gold"))

    levels = {
        each: (await agent("GET", f"/ticket/{each}"))["SLA"] for each in (plain, agents, done)
    }
    assert levels == {plain: "premium", agents: "by contract 2019", done: "standard"}
    # Request Tracker itself has reckoned the promise anew.
    assert (await agent("GET", f"/ticket/{plain}"))["Due"] < due
    # What was opened meanwhile follows with the next publication, though nothing else has changed.
    later = await ticket(agent, asset)
    await support.publish(tier(customer, "gold"))
    assert (await agent("GET", f"/ticket/{later}"))["SLA"] == "premium"
    await support.publish(tier(customer, None))
    assert (await agent("GET", f"/ticket/{later}"))["SLA"] == "premium"


async def test_open_tickets_keep_their_level_otherwise(
    connect: Connect, agent: Agent, customer: str
) -> None:
    support = connect(sla_levels=LEVELS)
    asset = await made(support, customer)
    opened = await ticket(agent, asset)
    await support.publish(tier(customer, "gold"))
    assert (await agent("GET", f"/ticket/{opened}"))["SLA"] == "standard"
