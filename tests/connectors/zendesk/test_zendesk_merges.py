"""Organisations that agents have merged or deleted."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from canonical_models.entitlement import MergedOrganization
from canonical_models.failures import CredentialsRefused
from connectors.zendesk.adapter import ZendeskTicketing

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Connect = Callable[..., ZendeskTicketing]


async def merge(agent: Agent, url: str, loser: dict[str, Any], winner: dict[str, Any]) -> None:
    body = {"organization_merge": {"winner_id": winner["id"]}}
    await agent("POST", f"{url}/api/v2/organizations/{loser['id']}/merge", body)


async def test_where_one_that_is_gone_was_put(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    first, second, third = [await organization(zendesk_url) for _ in range(3)]
    assert await support.merged_into(str(first["id"])) is None
    await merge(agent, zendesk_url, first, second)
    assert await support.merged_into(str(first["id"])) == MergedOrganization(
        organization_id=str(second["id"]), external_id=second["external_id"]
    )
    # And that one with another; whoever was put into is not gone.
    await merge(agent, zendesk_url, second, third)
    into = MergedOrganization(organization_id=str(third["id"]), external_id=third["external_id"])
    for gone in (first, second):
        assert await support.merged_into(str(gone["id"])) == into
    assert await support.merged_into(str(third["id"])) is None
    assert await support.organization(first["external_id"]) is None


async def test_one_that_was_deleted_and_what_can_be_none(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    made, heir = await organization(zendesk_url), await organization(zendesk_url, external_id=None)
    await agent("DELETE", f"{zendesk_url}/api/v2/organizations/{made['id']}")
    for gone in (str(made["id"]), "999999999", "cus_1", "", "²"):
        assert await support.merged_into(gone) is None
    # Into one without an external id, which is then deleted as well.
    other = await organization(zendesk_url)
    await merge(agent, zendesk_url, other, heir)
    assert await support.merged_into(str(other["id"])) == MergedOrganization(
        organization_id=str(heir["id"]), external_id=None
    )
    await agent("DELETE", f"{zendesk_url}/api/v2/organizations/{heir['id']}")
    assert await support.merged_into(str(other["id"])) is None


async def test_a_merge_under_way_and_one_that_failed_have_moved_nothing(connect: Connect) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        merges = [{"loser_id": 7, "winner_id": 8, "status": status} for status in ("new", "error")]
        return httpx.Response(200, json={"organization_merges": merges})

    support = connect("https://acme.example.com", transport=httpx.MockTransport(answer))
    assert await support.merged_into("7") is None


@pytest.mark.parametrize("path", ["merges", "8"])
async def test_who_may_not_see_it_is_told(connect: Connect, path: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(path):
            return httpx.Response(403, json={"error": "Forbidden"})
        merges = [{"loser_id": 7, "winner_id": 8, "status": "complete"}]
        return httpx.Response(200, json={"organization_merges": merges})

    support = connect("https://acme.example.com", transport=httpx.MockTransport(answer))
    with pytest.raises(CredentialsRefused):
        await support.merged_into("7")
