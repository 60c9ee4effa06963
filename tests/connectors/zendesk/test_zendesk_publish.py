"""What is published at a simulator process is what an agent sees and what we read back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.ports import TicketingPort
from connectors.zendesk.adapter import ZendeskTicketing

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Connect = Callable[..., ZendeskTicketing]


def gold(external_id: str) -> SupportEntitlement:
    return SupportEntitlement(
        organization=external_id,
        tier="gold",
        contract_end=datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC),
        features=("audit", "sso,saml"),
    )


async def test_publish_and_read_back(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    port: TicketingPort = support
    made = await organization(
        zendesk_url,
        tags=["vip", "sla_silver", "sla_exempt"],
        organization_fields={"region": "emea", "trueup_support_tier": "silver"},
    )
    wanted = gold(made["external_id"])

    published = await port.publish(wanted)

    assert published.entitlement == wanted
    assert published.organization_id == str(made["id"])
    assert published.url == f"{zendesk_url}/agent/organizations/{made['id']}"
    assert await port.organization(made["external_id"]) == published
    seen = await agent("GET", f"{zendesk_url}/api/v2/organizations/{made['id']}")
    assert seen["organization"]["tags"] == ["vip", "sla_exempt", "sla_gold"]
    assert seen["organization"]["name"] == made["name"]
    fields = seen["organization"]["organization_fields"]
    assert {key: fields[key] for key in fields if key == "region" or key.startswith("trueup")} == {
        "region": "emea",
        "trueup_support_tier": "gold",
        "trueup_contract_end": "2027-01-31T23:59:59Z",
        "trueup_features": "audit,sso%2Csaml",
    }


async def test_publishing_again_is_the_same(
    support: ZendeskTicketing, zendesk_url: str, organization: Make
) -> None:
    made = await organization(zendesk_url)
    wanted = gold(made["external_id"])
    assert await support.publish(wanted) == await support.publish(wanted)


async def test_clear(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(zendesk_url, tags=["vip"])
    await support.publish(gold(made["external_id"]))
    nothing = SupportEntitlement(
        organization=made["external_id"], tier=None, contract_end=None, features=()
    )

    cleared = await support.publish(nothing)

    assert cleared.entitlement == nothing
    assert await support.organization(made["external_id"]) == cleared
    seen = await agent("GET", f"{zendesk_url}/api/v2/organizations/{made['id']}")
    assert seen["organization"]["tags"] == ["vip"]


async def test_the_tier_brings_its_sla_policy_to_new_tickets(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    tagged = {"field": "current_tags", "operator": "includes", "value": "sla_platinum"}
    metric = {"priority": "high", "metric": "first_reply_time", "target": 60}
    policy = {"title": "Platinum", "filter": {"all": [tagged]}, "policy_metrics": [metric]}
    policies = f"{zendesk_url}/api/v2/slas/policies"
    kept = (await agent("POST", policies, {"sla_policy": policy}))["sla_policy"]
    made = await organization(zendesk_url)
    await support.publish(gold(made["external_id"]).model_copy(update={"tier": "platinum"}))
    ticket = {
        "subject": "Down",
        "comment": {"body": "Nothing works"},
        "priority": "high",
        "organization_id": made["id"],
    }

    opened = await agent("POST", f"{zendesk_url}/api/v2/tickets", {"ticket": ticket})

    inside = await agent("GET", f"{zendesk_url}/_sim/tickets/{opened['ticket']['id']}")
    assert inside["sla_policy_id"] == kept["id"]


async def test_an_unknown_organisation(support: ZendeskTicketing) -> None:
    assert await support.organization("cus_nobody") is None
    with pytest.raises(Rejection, match=r"'cus_nobody'.*then retry") as caught:
        await support.publish(gold("cus_nobody"))
    assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN
    assert caught.value.subject == "cus_nobody"


@pytest.mark.parametrize("external_id", ["", "cus 1", "x" * 256, "cus_\n"])
async def test_what_can_be_no_external_id(support: ZendeskTicketing, external_id: str) -> None:
    with pytest.raises(Rejection, match="account mapping") as caught:
        await support.organization(external_id)
    assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN


@pytest.mark.parametrize("external_id", ["a&b=c", "per%20cent", "a+b", "#1/2?"])
async def test_external_ids_with_signs_that_mean_something_in_an_address(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, external_id: str
) -> None:
    await organization(zendesk_url, external_id=external_id)
    assert (await support.publish(gold(external_id))).entitlement == gold(external_id)


async def test_upper_and_lower_case_are_one_to_zendesk(
    support: ZendeskTicketing, zendesk_url: str, organization: Make
) -> None:
    await organization(zendesk_url, external_id="CUS_Typed")
    published = await support.publish(gold("cus_typed"))
    assert published.entitlement.organization == "cus_typed"


async def test_fields_of_other_keys(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(
        zendesk_url, tags=["tier-old", "sla_kept"], organization_fields={"plan": "old"}
    )
    support = connect(
        zendesk_url,
        tier_field="plan",
        tier_tag_prefix="tier-",
        agent_url="https://desk.example.com",
    )
    published = await support.publish(gold(made["external_id"]))
    assert published.url == f"https://desk.example.com/agent/organizations/{made['id']}"
    seen = await agent("GET", f"{zendesk_url}/api/v2/organizations/{made['id']}")
    assert seen["organization"]["organization_fields"]["plan"] == "gold"
    assert seen["organization"]["tags"] == ["sla_kept", "tier-gold"]


async def test_an_account_without_the_fields(
    connect: Connect, strict_zendesk_url: str, organization: Make
) -> None:
    support = connect(strict_zendesk_url)
    made = await organization(strict_zendesk_url)
    wanted = gold(made["external_id"])
    names = "trueup_support_tier, trueup_contract_end, trueup_features"
    with pytest.raises(Rejection, match=f"{names}.*administrator") as caught:
        await support.publish(wanted)
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED
    assert caught.value.subject == made["external_id"]

    assert await support.ensure_fields() == tuple(names.split(", "))
    assert (await support.publish(wanted)).entitlement == wanted
    assert await support.ensure_fields() == ()


async def test_a_field_that_is_switched_off_is_named(
    connect: Connect, strict_zendesk_url: str, agent: Agent
) -> None:
    field = {"key": "off", "title": "Off", "type": "text", "active": False}
    path = f"{strict_zendesk_url}/api/v2/organization_fields"
    await agent("POST", path, {"organization_field": field})
    with pytest.raises(Rejection, match="no active organisation field off") as caught:
        await connect(strict_zendesk_url, tier_field="off").ensure_fields()
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED


async def test_more_fields_than_a_page_holds(connect: Connect) -> None:
    queries: list[dict[str, str]] = []

    def pages(request: httpx.Request) -> httpx.Response:
        queries.append(dict(request.url.params))
        last = "page[after]" in request.url.params
        fields = [{"key": "b" if last else "a", "active": True}]
        meta = {"has_more": not last, "after_cursor": "c&=1"}
        return httpx.Response(200, json={"organization_fields": fields, "meta": meta})

    support = connect(
        "https://acme.example.com",
        transport=httpx.MockTransport(pages),
        tier_field="a",
        contract_end_field="b",
        features_field="c",
    )
    # The third is to be made, which this account does not answer as Zendesk does.
    with pytest.raises(ContractDrift, match="field c"):
        await support.ensure_fields()
    first = {"page[size]": "100"}
    assert queries == [first, {**first, "page[after]": "c&=1"}, {}]
