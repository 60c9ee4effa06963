"""Organisations are made once, found again, and never taken from someone else."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import (
    ContractDrift,
    Rejection,
    RejectionCode,
    Team,
    TransientFailure,
    UncertainWrite,
)
from connectors.ports import TicketingPort
from connectors.zendesk.adapter import ZendeskTicketing

Agent = Callable[..., Awaitable[Any]]
Make = Callable[..., Awaitable[dict[str, Any]]]
Arm = Callable[..., Awaitable[None]]
Connect = Callable[..., ZendeskTicketing]

CREATE = {"method": "POST", "path_prefix": "/api/v2/organizations/create_or_update"}


def named(name: str, customer_id: str = "cus_any") -> AccountProfile:
    return AccountProfile(customer_id=customer_id, name=name, email="jane.doe@example.com")


async def by_name(agent: Agent, url: str, name: str) -> list[dict[str, Any]]:
    query = httpx.QueryParams({"name": name})
    found: list[dict[str, Any]] = (
        await agent("GET", f"{url}/api/v2/organizations/search?{query}")
    )["organizations"]
    return found


async def test_made_once_and_found_again(
    support: ZendeskTicketing, zendesk_url: str, agent: Agent
) -> None:
    port: TicketingPort = support
    profile = named(" Nordwind  & Söhne ")

    made = await port.create_organization("cus_nordwind", profile)

    assert made.entitlement == SupportEntitlement(
        organization="cus_nordwind", tier=None, contract_end=None
    )
    assert await port.organization("cus_nordwind") == made
    assert await port.create_organization("cus_nordwind", profile) == made
    (seen,) = await by_name(agent, zendesk_url, "Nordwind & Söhne")
    assert (str(seen["id"]), seen["external_id"]) == (made.organization_id, "cus_nordwind")
    assert "jane" not in str(seen)


async def test_one_that_is_there_keeps_its_name_and_entitlement(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    there = await organization(zendesk_url)
    silver = SupportEntitlement(organization=there["external_id"], tier="silver", contract_end=None)
    published = await support.publish(silver)

    assert await support.create_organization(there["external_id"], named("Other")) == published

    seen = await agent("GET", f"{zendesk_url}/api/v2/organizations/{there['id']}")
    assert seen["organization"]["name"] == there["name"]
    assert await by_name(agent, zendesk_url, "Other") == []


@pytest.mark.parametrize(
    ("held_id", "words"), [(None, "no external id"), ("cus_someone", "another external id")]
)
async def test_a_namesake_is_never_taken_over(
    support: ZendeskTicketing,
    zendesk_url: str,
    organization: Make,
    agent: Agent,
    held_id: str | None,
    words: str,
) -> None:
    name = f"Namesake {held_id}"
    there = await organization(zendesk_url, name=name, external_id=held_id)

    with pytest.raises(Rejection) as caught:
        await support.create_organization("cus_new", named(name.upper()))

    refused = caught.value
    assert (refused.reason, refused.owner) == (RejectionCode.ACCOUNT_AMBIGUOUS, Team.FINANCE)
    assert refused.subject == "cus_new"
    for part in (str(there["id"]), words, "external id 'cus_new'", "rename", "then retry"):
        assert part in refused.message
    assert name.upper() not in refused.message
    seen = await agent("GET", f"{zendesk_url}/api/v2/organizations/{there['id']}")
    assert seen["organization"] == there


async def test_after_a_person_has_decided(
    support: ZendeskTicketing, zendesk_url: str, organization: Make, agent: Agent
) -> None:
    there = await organization(zendesk_url, name="Decided", external_id=None)
    with pytest.raises(Rejection):
        await support.create_organization("cus_decided", named("Decided"))
    change = {"organization": {"external_id": "cus_decided"}}
    await agent("PUT", f"{zendesk_url}/api/v2/organizations/{there['id']}", change)

    found = await support.create_organization("cus_decided", named("Decided"))

    assert found.organization_id == str(there["id"])


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_reply_is_uncertain_and_the_next_call_makes_no_second(
    support: ZendeskTicketing, zendesk_url: str, agent: Agent, fault: Arm, lost: str
) -> None:
    key, profile = f"cus_lost_{lost}", named(f"Lost {lost}")
    await fault(**CREATE, drop=lost)
    with pytest.raises(UncertainWrite, match="create_or_update"):
        await support.create_organization(key, profile)

    made = await support.create_organization(key, profile)

    (seen,) = await by_name(agent, zendesk_url, profile.name)
    assert (str(seen["id"]), seen["external_id"]) == (made.organization_id, key)


@pytest.mark.parametrize(
    ("status", "delay", "failure"),
    [(500, None, UncertainWrite), (503, 4, TransientFailure), (422, None, Rejection)],
)
async def test_a_write_that_fails(
    support: ZendeskTicketing,
    zendesk_url: str,
    agent: Agent,
    fault: Arm,
    status: int,
    delay: int | None,
    failure: type[Exception],
) -> None:
    await fault(**CREATE, status=status, retry_after=delay)
    with pytest.raises(failure, match=f"answered {status} .*create the organisation cus_failing"):
        await support.create_organization("cus_failing", named("Failing"))
    assert await by_name(agent, zendesk_url, "Failing") == []


async def test_a_lost_look_up_by_name_tells_no_name(connect: Connect) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        if "name" in request.url.params:
            raise httpx.ReadTimeout("", request=request)
        return httpx.Response(200, json={"organizations": []})

    support = connect("https://acme.example.com", transport=httpx.MockTransport(lose))
    with pytest.raises(TransientFailure) as caught:
        await support.create_organization("cus_1", named("Jane Doe"))
    assert "Doe" not in caught.value.message


class Meanwhile(httpx.AsyncHTTPTransport):
    """Lets something happen in Zendesk right before a request of `path` arrives."""

    def __init__(self, path: str, happen: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(trust_env=False)
        self._path = path
        self._happen: Callable[[], Awaitable[Any]] | None = happen

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._happen is not None and str(request.url.raw_path, "ascii").startswith(self._path):
            happen, self._happen = self._happen, None
            await happen()
        return await super().handle_async_request(request)


async def test_a_name_that_is_taken_meanwhile(
    connect: Connect, zendesk_url: str, organization: Make
) -> None:
    taking = Meanwhile(
        CREATE["path_prefix"], lambda: organization(zendesk_url, name="Taken", external_id=None)
    )
    support = connect(zendesk_url, transport=taking)

    with pytest.raises(Rejection, match=r"name: DuplicateValue.*by name") as caught:
        await support.create_organization("cus_late", named("taken"))

    assert caught.value.reason is RejectionCode.ACCOUNT_AMBIGUOUS
    assert caught.value.subject == "cus_late"


@pytest.mark.parametrize("step", ["/api/v2/organizations/search?name", CREATE["path_prefix"]])
async def test_one_that_another_request_makes_meanwhile(
    connect: Connect, zendesk_url: str, organization: Make, agent: Agent, step: str
) -> None:
    key = f"cus_twin_{len(step)}"
    making = Meanwhile(step, lambda: organization(zendesk_url, name=key, external_id=key))

    made = await connect(zendesk_url, transport=making).create_organization(key, named(key))

    (seen,) = await by_name(agent, zendesk_url, key)
    assert made.organization_id == str(seen["id"])


ONE = {"id": 7, "name": "Acme", "external_id": None, "tags": [], "organization_fields": {}}


def answering(*bodies: Any) -> httpx.MockTransport:
    """A Zendesk that answers these in turn."""
    left = list(bodies)
    return httpx.MockTransport(lambda _: httpx.Response(200, json=left.pop(0)))


async def test_only_the_same_name_counts(connect: Connect) -> None:
    others = [{**ONE, "name": "Acme Holding"}, {**ONE, "id": 8, "name": "The Acme"}]
    made = {**ONE, "id": 9, "external_id": "cus_1"}
    transport = answering({"organizations": []}, {"organizations": others}, {"organization": made})
    support = connect("https://acme.example.com", transport=transport)
    assert (await support.create_organization("cus_1", named("Acme"))).organization_id == "9"


@pytest.mark.parametrize(
    ("bodies", "path"),
    [
        (
            ({"organizations": []}, {"organizations": [{**ONE, "name": None}]}),
            "$.organizations[0].name",
        ),
        (
            ({"organizations": []}, {"organizations": []}, {"organization": ONE}),
            "$.organization.external_id",
        ),
        (
            ({"organizations": []}, {"organizations": []}, {"organizations": []}),
            "$.organization",
        ),
    ],
)
async def test_drift_names_the_path(connect: Connect, bodies: tuple[Any, ...], path: str) -> None:
    support = connect("https://acme.example.com", transport=answering(*bodies))
    with pytest.raises(ContractDrift) as caught:
        await support.create_organization("cus_1", named("Acme"))
    assert caught.value.payload_path == path


@pytest.mark.parametrize("external_id", ["", "cus 1"])
async def test_what_can_be_no_external_id(support: ZendeskTicketing, external_id: str) -> None:
    with pytest.raises(Rejection, match="account mapping"):
        await support.create_organization(external_id, named("Nobody"))


async def test_a_customer_that_is_renamed_is_renamed_here(
    support: ZendeskTicketing, zendesk_url: str, agent: Agent
) -> None:
    port: TicketingPort = support
    made = await port.create_organization("cus_renamed", named("Old Name GmbH"))

    await port.rename_organization("cus_renamed", named("New Name GmbH"))
    await port.rename_organization("cus_renamed", named("New Name GmbH"))

    (seen,) = await by_name(agent, zendesk_url, "New Name GmbH")
    assert str(seen["id"]) == made.organization_id
    assert await by_name(agent, zendesk_url, "Old Name GmbH") == []


async def test_a_name_that_belongs_to_someone_else_is_a_question(
    support: ZendeskTicketing,
) -> None:
    await support.create_organization("cus_first", named("Taken GmbH"))
    await support.create_organization("cus_second", named("Free GmbH"))

    with pytest.raises(Rejection) as refused:
        await support.rename_organization("cus_second", named("Taken GmbH"))

    assert refused.value.reason is RejectionCode.ACCOUNT_AMBIGUOUS
    assert refused.value.subject == "cus_second"


async def test_an_organisation_that_is_gone_has_nothing_to_rename(
    support: ZendeskTicketing,
) -> None:
    await support.rename_organization("cus_never_made", named("Nobody"))
    assert await support.organization("cus_never_made") is None
