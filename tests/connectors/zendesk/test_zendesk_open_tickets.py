"""Open tickets follow a change of the tier, or keep what they have."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import structlog.testing

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import TransientFailure
from connectors.zendesk import adapter
from connectors.zendesk.adapter import ZendeskTicketing

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Connect = Callable[..., ZendeskTicketing]


def tier(made: dict[str, Any], name: str | None) -> SupportEntitlement:
    return SupportEntitlement(organization=made["external_id"], tier=name, contract_end=None)


async def opened(agent: Agent, url: str, made: dict[str, Any], *tags: str) -> int:
    given = {"organization_id": made["id"], "comment": {"body": "Down"}, "tags": list(tags)}
    number: int = (await agent("POST", f"{url}/api/v2/tickets", {"ticket": given}))["ticket"]["id"]
    return number


async def tags(agent: Agent, url: str, ticket: int) -> set[str]:
    return set((await agent("GET", f"{url}/api/v2/tickets/{ticket}"))["ticket"]["tags"])


async def test_they_follow_where_that_is_the_policy(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    support = connect(zendesk_url, open_tickets="follow")
    made = await organization(zendesk_url, tags=["vip"])
    early = await opened(agent, zendesk_url, made, "sla_exempt")
    await support.publish(tier(made, "silver"))
    assert await tags(agent, zendesk_url, early) == {"vip", "sla_exempt", "sla_silver"}
    later = await opened(agent, zendesk_url, made)
    solved = await opened(agent, zendesk_url, made)
    agents = await opened(agent, zendesk_url, made)
    path = f"{zendesk_url}/api/v2/tickets"
    await agent("PUT", f"{path}/{solved}", {"ticket": {"status": "solved"}})
    # An agent has taken the tier's tag off.
    await agent("PUT", f"{path}/{agents}", {"ticket": {"tags": ["by_contract"]}})

    await support.publish(tier(made, "gold"))

    assert await tags(agent, zendesk_url, early) == {"vip", "sla_exempt", "sla_gold"}
    assert await tags(agent, zendesk_url, later) == {"vip", "sla_gold"}
    assert await tags(agent, zendesk_url, solved) == {"vip", "sla_silver"}
    assert await tags(agent, zendesk_url, agents) == {"by_contract"}
    writes = await agent("GET", f"{zendesk_url}/_sim/requests")
    await support.publish(tier(made, "gold"))
    again = await agent("GET", f"{zendesk_url}/_sim/requests")
    assert len(again["journal"]) == len(writes["journal"]) + 1, "the organisation alone"
    await support.publish(tier(made, None))
    assert await tags(agent, zendesk_url, later) == {"vip"}


async def test_their_sla_policy_is_the_new_tiers(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    kept = {}
    for name in ("bronze2", "ruby2"):
        asked = {"field": "current_tags", "operator": "includes", "value": f"sla_{name}"}
        metric = {"priority": "high", "metric": "first_reply_time", "target": 60}
        policy = {"title": name, "filter": {"all": [asked]}, "policy_metrics": [metric]}
        policies = f"{zendesk_url}/api/v2/slas/policies"
        kept[name] = (await agent("POST", policies, {"sla_policy": policy}))["sla_policy"]["id"]
    support = connect(zendesk_url, open_tickets="follow")
    made = await organization(zendesk_url)
    await support.publish(tier(made, "bronze2"))
    ticket = await opened(agent, zendesk_url, made)
    for name in ("bronze2", "ruby2"):
        await support.publish(tier(made, name))
        inside = await agent("GET", f"{zendesk_url}/_sim/tickets/{ticket}")
        assert inside["sla_policy_id"] == kept[name]


async def test_they_keep_it_otherwise(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(zendesk_url)
    await support.publish(tier(made, "silver"))
    ticket = await opened(agent, zendesk_url, made)
    await support.publish(tier(made, "gold"))
    assert await tags(agent, zendesk_url, ticket) == {"sla_silver"}


class Meanwhile(httpx.AsyncHTTPTransport):
    """Lets something happen in Zendesk right before a write of `path` arrives, once."""

    def __init__(self, path: str, happen: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(trust_env=False)
        self._path = path
        self._happen: Callable[[], Awaitable[Any]] | None = happen

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        meant = request.method == "PUT" and request.url.path.startswith(self._path)
        if meant and self._happen is not None:
            happen, self._happen = self._happen, None
            await happen()
        return await super().handle_async_request(request)


async def test_what_an_agent_does_meanwhile_stays(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(zendesk_url)
    await connect(zendesk_url).publish(tier(made, "silver"))
    ticket = await opened(agent, zendesk_url, made)
    path = f"{zendesk_url}/api/v2/tickets/{ticket}"

    async def tagged() -> None:
        # Zendesk tells times in seconds: the agent's change is of a later one.
        await agent("POST", f"{zendesk_url}/_sim/clock", {"advance_seconds": 2})
        await agent("PUT", path, {"ticket": {"tags": ["sla_silver", "urgent"]}})

    support = connect(
        zendesk_url, open_tickets="follow", transport=Meanwhile("/api/v2/tickets/", tagged)
    )
    with pytest.raises(TransientFailure, match="409"):
        await support.publish(tier(made, "gold"))
    assert await tags(agent, zendesk_url, ticket) == {"sla_silver", "urgent"}
    await support.publish(tier(made, "gold"))
    assert await tags(agent, zendesk_url, ticket) == {"sla_gold", "urgent"}


async def test_what_is_opened_while_the_tier_changes_follows_as_well(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made = await organization(zendesk_url)
    await connect(zendesk_url).publish(tier(made, "silver"))
    new: list[int] = []

    async def open_one() -> None:
        new.append(await opened(agent, zendesk_url, made))

    support = connect(
        zendesk_url, open_tickets="follow", transport=Meanwhile("/api/v2/organizations/", open_one)
    )
    await support.publish(tier(made, "gold"))
    assert await tags(agent, zendesk_url, new[0]) == {"sla_gold"}


async def test_more_tickets_than_are_looked_through_are_told(
    connect: Connect,
    zendesk_url: str,
    organization: Make,
    agent: Agent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adapter, "_MOST_FOLLOWING", 0)
    made = await organization(zendesk_url)
    with structlog.testing.capture_logs() as told:
        await connect(zendesk_url, open_tickets="follow").publish(tier(made, "gold"))
    assert any(each.get("organization") == made["external_id"] for each in told)
