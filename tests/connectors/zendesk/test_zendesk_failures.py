"""The adapter when Zendesk is slow, limited, broken, or not what it was."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.governor import NotNow
from connectors.zendesk.adapter import ZendeskTicketing
from sandbox.simulators.child import running_child

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Arm = Callable[..., Awaitable[None]]
Connect = Callable[..., ZendeskTicketing]

UPDATE = {"method": "PUT", "path_prefix": "/api/v2/organizations/"}
SEARCH = {"method": "GET", "path_prefix": "/api/v2/organizations/search"}


def silver(external_id: str) -> SupportEntitlement:
    return SupportEntitlement(organization=external_id, tier="silver", contract_end=None)


@pytest.fixture(scope="module")
async def proxy_url(zendesk_url: str) -> AsyncIterator[str]:
    async with running_child("sandbox.simulators.faultproxy", "--upstream", zendesk_url) as child:
        yield child.url


async def test_a_lost_reply_is_uncertain_and_a_read_tells(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, fault: Arm
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, drop="after")
    with pytest.raises(UncertainWrite):
        await support.publish(silver(key))
    probed = await support.organization(key)
    assert probed is not None
    assert probed.entitlement == silver(key)


async def test_a_lost_request_is_uncertain_and_a_read_tells(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, fault: Arm
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, drop="before")
    with pytest.raises(UncertainWrite):
        await support.publish(silver(key))
    probed = await support.organization(key)
    assert probed is not None
    assert probed.entitlement.tier is None
    assert (await support.publish(silver(key))).entitlement == silver(key)


async def test_a_lost_look_up_is_transient(support: ZendeskTicketing, fault: Arm) -> None:
    await fault(**SEARCH, drop="after")
    with pytest.raises(TransientFailure):
        await support.publish(silver("cus_any"))


@pytest.mark.parametrize(("status", "delay"), [(500, None), (502, None), (503, None), (504, 3)])
async def test_a_broken_write_is_uncertain(
    support: ZendeskTicketing,
    zendesk_url: str,
    organization: Make,
    fault: Arm,
    status: int,
    delay: int | None,
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, status=status, retry_after=delay)
    with pytest.raises(UncertainWrite, match=f"answered {status} .*{key}"):
        await support.publish(silver(key))


async def test_a_write_turned_away_for_now_is_transient(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, fault: Arm
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, status=503, retry_after=4)
    with pytest.raises(TransientFailure) as caught:
        await support.publish(silver(key))
    assert caught.value.retry_after == 4


async def test_the_rate_limit(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    """Whoever has heard that nothing is left asks no more; who has not is refused."""
    key = (await organization(zendesk_url))["external_id"]
    limit = f"{zendesk_url}/_sim/rate_limit"
    await agent("POST", limit, {"per_minute": 1})
    try:
        with pytest.raises(NotNow, match="takes nothing more for now") as waits:
            await connect(zendesk_url).publish(silver(key))
        with pytest.raises(TransientFailure, match="429 APIRateLimitExceeded") as refused:
            await connect(zendesk_url).organization(key)
    finally:
        await agent("POST", limit, {"per_minute": None})
    for caught in (waits.value, refused.value):
        assert caught.retry_after is not None
        assert 0 < caught.retry_after <= 72


async def test_a_refusal_for_good(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, fault: Arm
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, status=422, times=None)
    for _ in range(2):
        with pytest.raises(Rejection, match=key) as caught:
            await support.publish(silver(key))
        assert caught.value.reason is RejectionCode.SUPPORT_REFUSED
        assert caught.value.subject == key


async def test_deleted_between_look_up_and_update(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, fault: Arm
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await fault(**UPDATE, status=404)
    with pytest.raises(Rejection) as caught:
        await support.publish(silver(key))
    assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN


async def test_a_wrong_token(connect: Connect, zendesk_url: str) -> None:
    with pytest.raises(CredentialsRefused, match="'support'") as caught:
        await connect(zendesk_url, token="stolen").organization("cus_1")
    assert "stolen" not in caught.value.message
    assert "sync@example.com" not in caught.value.message


async def test_an_address_that_is_not_the_api(connect: Connect, zendesk_url: str) -> None:
    with pytest.raises(ContractDrift, match=r"InvalidEndpoint.*base address"):
        await connect(f"{zendesk_url}/api/v2").organization("cus_1")


async def test_garbage(
    connect: Connect, proxy_url: str, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    key = (await organization(zendesk_url))["external_id"]
    await agent("POST", f"{proxy_url}/_proxy/faults", {"method": "PUT", "action": "garbage"})
    with pytest.raises(ContractDrift, match="not JSON"):
        await connect(proxy_url).publish(silver(key))


def answering(body: Any) -> httpx.MockTransport:
    """A Zendesk whose contract has changed."""
    return httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(body).encode()))


ONE = {"id": 7, "external_id": "cus_1", "tags": [], "organization_fields": {}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({"organizations": None}, "$.organizations"),
        ({"organizations": [{**ONE, "id": "7"}]}, "$.organizations[0].id"),
        ({"organizations": [{**ONE, "tags": "vip"}]}, "$.organizations[0].tags"),
        ({"organizations": [{**ONE, "external_id": "cus_2"}]}, "$.organizations[0].external_id"),
        (
            {"organizations": [{**ONE, "organization_fields": {"trueup_features": 5}}]},
            "$.organizations[0].organization_fields.trueup_features",
        ),
    ],
)
async def test_drift_names_the_path(connect: Connect, body: Any, path: str) -> None:
    support = connect("https://acme.example.com", transport=answering(body))
    with pytest.raises(ContractDrift) as caught:
        await support.organization("cus_1")
    assert caught.value.payload_path == path


async def test_an_external_id_that_two_have(connect: Connect) -> None:
    body = {"organizations": [ONE, {**ONE, "id": 8}]}
    support = connect("https://acme.example.com", transport=answering(body))
    for act in (support.organization("cus_1"), support.publish(silver("cus_1"))):
        with pytest.raises(Rejection, match=r"7, 8.*ambiguous") as caught:
            await act
        assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN


async def test_a_list_of_fields_that_never_ends(connect: Connect) -> None:
    page = {"organization_fields": [], "meta": {"has_more": True, "after_cursor": "x"}}
    support = connect("https://acme.example.com", transport=answering(page))
    with pytest.raises(ContractDrift, match="does not end"):
        await support.ensure_fields()
