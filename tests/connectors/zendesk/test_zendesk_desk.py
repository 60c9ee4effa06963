"""What the desk holds of an organisation, at a simulator process: open cases, promises, and the
link to all that is known of the customer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import TransientFailure
from canonical_models.support import SlaPolicy, SlaTarget
from connectors.zendesk.adapter import ZendeskTicketing

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Connect = Callable[..., ZendeskTicketing]


async def ticket(agent: Agent, url: str, organization: int, **more: Any) -> Any:
    given = {"organization_id": organization, "comment": {"body": "It is down"}, **more}
    return (await agent("POST", f"{url}/api/v2/tickets", {"ticket": given}))["ticket"]


async def policy(agent: Agent, url: str, title: str, **filter_: Any) -> None:
    metrics = [{"priority": "urgent", "metric": "first_reply_time", "target": 60}]
    given = {"title": title, "filter": filter_, "policy_metrics": metrics}
    await agent("POST", f"{url}/api/v2/slas/policies", {"sla_policy": given})


def asks_for(tag: str) -> dict[str, Any]:
    return {"field": "current_tags", "operator": "includes", "value": tag}


def tier(external_id: str, name: str) -> SupportEntitlement:
    return SupportEntitlement(
        organization=external_id, tier=name, contract_end=datetime(2027, 1, 31, tzinfo=UTC)
    )


async def test_open_cases_with_what_is_promised_for_them(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made, other = await organization(zendesk_url), await organization(zendesk_url)
    await support.publish(tier(made["external_id"], "desk.gold"))
    await policy(agent, zendesk_url, "Gold", all=[asks_for("sla_desk_gold")])
    urgent = await ticket(agent, zendesk_url, made["id"], subject="Down", priority="urgent")
    done = await ticket(agent, zendesk_url, made["id"], subject="Asked")
    await agent(
        "PUT", f"{zendesk_url}/api/v2/tickets/{done['id']}", {"ticket": {"status": "solved"}}
    )
    await ticket(agent, zendesk_url, other["id"], subject="Of others")
    desk = await support.desk(made["external_id"])
    assert desk is not None
    assert desk.complete
    assert desk.organization.entitlement.tier == "desk.gold"
    (case,) = desk.cases
    assert (case.case_id, case.subject, case.priority) == (str(urgent["id"]), "Down", "urgent")
    assert case.url == f"{zendesk_url}/agent/tickets/{urgent['id']}"
    (deadline,) = case.deadlines
    assert (deadline.metric, deadline.stage) == ("first_reply_time", "active")
    assert deadline.breach_at is not None
    assert case.opened_at is not None
    assert (deadline.breach_at - case.opened_at).total_seconds() == 3600
    target = SlaTarget(
        priority="urgent", metric="first_reply_time", minutes=60, business_hours=False
    )
    assert desk.sla == SlaPolicy(title="Gold", targets=(target,), conditional=False)
    assert desk.sla_problem is None


async def test_a_policy_that_asks_for_more_is_not_everybodys(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(zendesk_url)
    await support.publish(tier(made["external_id"], "bronze"))
    problem = {"field": "type", "operator": "is", "value": "problem"}
    await policy(agent, zendesk_url, "Problems", all=[asks_for("sla_bronze"), problem])
    desk = await support.desk(made["external_id"])
    assert desk is not None
    assert desk.sla is not None
    assert (desk.sla.title, desk.sla.conditional, desk.cases) == ("Problems", True, ())


async def test_policies_that_may_not_be_seen_keep_nothing_else_back(
    support: ZendeskTicketing,
    zendesk_url: str,
    organization: Make,
    fault: Callable[..., Awaitable[None]],
) -> None:
    made = await organization(zendesk_url)
    await fault(method="GET", path_prefix="/api/v2/slas", status=403, times=1)
    desk = await support.desk(made["external_id"])
    assert desk is not None
    assert desk.sla is None
    assert "SLA policies" in (desk.sla_problem or "")
    await fault(method="GET", path_prefix="/api/v2/organizations", drop="before", times=9)
    with pytest.raises(TransientFailure):
        await support.desk(made["external_id"])


async def test_an_organisation_that_is_not_there_is_told(support: ZendeskTicketing) -> None:
    assert await support.desk("cus_nobody") is None


async def test_the_organisation_links_to_all_that_is_known(
    connect: Connect, strict_zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(strict_zendesk_url, external_id="cus/link 1".replace(" ", "+"))
    linking = connect(strict_zendesk_url, context_url="https://trueup.example.com/")
    assert "trueup_context" in await linking.ensure_fields()
    await linking.publish(tier(made["external_id"], "gold"))
    seen = await agent("GET", f"{strict_zendesk_url}/api/v2/organizations/{made['id']}")
    assert seen["organization"]["organization_fields"]["trueup_context"] == (
        "https://trueup.example.com/v1/support/context?organization=cus%2Flink%2B1"
    )
