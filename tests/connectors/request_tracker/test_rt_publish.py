"""What is published at a real Request Tracker is what its agents see and what we read back."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import (
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.ports import TicketingPort
from connectors.request_tracker.adapter import RequestTrackerTicketing

pytestmark = pytest.mark.rt

Agent = Callable[..., Awaitable[Any]]
Connect = Callable[..., RequestTrackerTicketing]
Fields = Callable[[str], Awaitable[dict[str, list[str]]]]


def named(name: str) -> AccountProfile:
    return AccountProfile(customer_id="cus_any", name=name, email="jane.doe@example.com")


def gold(customer: str, **changed: Any) -> SupportEntitlement:
    return SupportEntitlement(
        organization=customer,
        tier="gold",
        contract_end=datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC),
        features=("audit", "sso,saml", "0", "it's\\\"{}%"),
    ).model_copy(update=changed)


async def test_made_once_and_found_again(
    support: RequestTrackerTicketing, agent: Agent, customer: str
) -> None:
    port: TicketingPort = support
    profile = named(f" Nordwind & <b>Söhne</b> {customer} ")

    made = await port.create_organization(customer, profile)

    nothing = SupportEntitlement(organization=customer, tier=None, contract_end=None)
    assert made.entitlement == nothing
    assert await port.organization(customer) == made
    assert await port.create_organization(customer, named("Other")) == made
    seen = await agent("GET", f"/asset/{made.organization_id}")
    assert seen["Name"] == profile.name.strip()
    assert made.url is not None
    assert made.url.endswith(f"/Asset/Display.html?id={seen['id']}")
    assert "jane" not in str(seen)


async def test_publish_read_back_again_and_clear(
    support: RequestTrackerTicketing, agent: Agent, fields: Fields, customer: str
) -> None:
    made = await support.create_organization(customer, named(customer))
    await agent("PUT", f"/asset/{made.organization_id}", {"Description": "An agent's own words"})

    published = await support.publish(gold(customer))

    wanted = gold(customer, features=tuple(sorted(gold(customer).features)))
    assert published.entitlement == wanted
    assert await support.organization(customer) == published
    seen = await fields(made.organization_id)
    assert seen["Trueup support tier"] == ["gold"]
    assert seen["Trueup contract end"] == ["2027-01-31T23:59:59Z"]
    assert sorted(seen["Trueup features"]) == sorted(gold(customer).features)

    before = await agent("GET", f"/asset/{made.organization_id}/history", per_page="100")
    assert await support.publish(gold(customer)) == published
    after = await agent("GET", f"/asset/{made.organization_id}/history", per_page="100")
    assert after["total"] == before["total"], "what is there already is not written again"

    nothing = gold(customer, tier=None, contract_end=None, features=())
    assert (await support.publish(nothing)).entitlement == nothing
    seen = await fields(made.organization_id)
    assert {name: values for name, values in seen.items() if values} == {
        "Trueup customer": [customer]
    }
    kept = await agent("GET", f"/asset/{made.organization_id}")
    assert kept["Description"] == "An agent's own words"


async def test_what_an_agent_has_changed_is_seen_and_put_right(
    support: RequestTrackerTicketing, agent: Agent, customer: str
) -> None:
    made = await support.create_organization(customer, named(customer))
    await support.publish(gold(customer))
    changed = {"CustomFields": {"Trueup support tier": "bronze", "Trueup features": ["sso"]}}
    await agent("PUT", f"/asset/{made.organization_id}", changed)

    shown = await support.organization(customer)
    assert shown is not None
    assert (shown.entitlement.tier, shown.entitlement.features) == ("bronze", ("sso",))
    assert (await support.publish(gold(customer))).entitlement.tier == "gold"


async def test_the_link_to_all_that_is_known(
    connect: Connect, fields: Fields, customer: str
) -> None:
    support = connect(context_url="https://trueup.example.com/")
    made = await support.create_organization(customer, named(customer))
    await support.publish(gold(customer))
    link = f"https://trueup.example.com/v1/support/context?organization={customer}"
    assert (await fields(made.organization_id))["Trueup context"] == [link]


async def test_a_namesake_is_never_taken_over(
    support: RequestTrackerTicketing, customer: str
) -> None:
    await support.create_organization(f"{customer}-there", named(f"Namesake {customer}"))
    with pytest.raises(Rejection) as caught:
        await support.create_organization(customer, named(f"Namesake {customer}"))
    assert caught.value.reason is RejectionCode.ACCOUNT_AMBIGUOUS
    assert caught.value.subject == customer
    assert "then retry" in caught.value.message
    assert await support.organization(customer) is None


async def test_a_customer_that_is_renamed_is_renamed_here(
    support: RequestTrackerTicketing, agent: Agent, customer: str
) -> None:
    made = await support.create_organization(customer, named(f"Old {customer}"))
    await support.create_organization(f"{customer}-b", named(f"Taken {customer}"))
    for _ in range(2):
        await support.rename_organization(customer, named(f"New {customer}"))
    assert (await agent("GET", f"/asset/{made.organization_id}"))["Name"] == f"New {customer}"
    with pytest.raises(Rejection) as caught:
        await support.rename_organization(customer, named(f"Taken {customer}"))
    assert caught.value.reason is RejectionCode.ACCOUNT_AMBIGUOUS
    await support.rename_organization("cus_never_made", named("Nobody"))
    assert await support.organization("cus_never_made") is None


async def test_an_unknown_customer_and_what_can_be_none(
    support: RequestTrackerTicketing, customer: str
) -> None:
    assert await support.organization(customer) is None
    assert await support.desk(customer) is None
    with pytest.raises(Rejection, match=rf"'{customer}'.*then retry") as caught:
        await support.publish(gold(customer))
    assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN
    for wrong in ("", "cus 1", "x" * 256):
        with pytest.raises(Rejection, match="account mapping"):
            await support.organization(wrong)


@pytest.mark.parametrize("sign", ["it's", 'a"b', "a\\b", "{1}", "%", "a&b=c", "#1/2?", "<i>"])
async def test_ids_with_signs_that_mean_something_elsewhere(
    support: RequestTrackerTicketing, customer: str, sign: str
) -> None:
    external_id = f"{customer}-{sign}"
    await support.create_organization(external_id, named(external_id))
    assert (await support.publish(gold(external_id))).entitlement.tier == "gold"
    assert await support.organization(f"{customer}-") is None


async def test_upper_and_lower_case_are_one_to_its_unique_fields_and_two_to_us(
    support: RequestTrackerTicketing, customer: str
) -> None:
    await support.create_organization(f"{customer}_a", named(f"{customer} a"))
    assert await support.organization(f"{customer}_A") is None
    with pytest.raises(Rejection, match="in upper or lower case") as caught:
        await support.create_organization(f"{customer}_A", named(f"{customer} A"))
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED


async def test_an_id_that_people_gave_to_two_assets(
    support: RequestTrackerTicketing, agent: Agent, customer: str
) -> None:
    """Its field refuses a second; switched off, people can give it twice."""
    made = await support.create_organization(customer, named(customer))
    found = await agent("POST", "/customfields", [{"field": "Name", "value": "Trueup customer"}])
    path = f"/customfield/{found['items'][0]['id']}"
    await agent("PUT", path, {"UniqueValues": 0})
    try:
        body = {"Catalog": "Customers", "Name": "x", "CustomFields": {"Trueup customer": customer}}
        twin = await agent("POST", "/asset", body)
    finally:
        await agent("PUT", path, {"UniqueValues": 1})
    with pytest.raises(Rejection, match="ambiguous") as caught:
        await support.publish(gold(customer))
    assert caught.value.reason is RejectionCode.ORGANIZATION_UNKNOWN
    for number in (made.organization_id, twin["id"]):
        assert number in caught.value.message


class Between(httpx.AsyncHTTPTransport):
    """Has something happen right before or after one kind of request, or loses its answer."""

    def __init__(
        self,
        method: str,
        path: str,
        before: Callable[[], Awaitable[Any]] | None = None,
        *,
        after: Callable[[], Awaitable[Any]] | None = None,
        lose: bool = False,
    ) -> None:
        super().__init__(trust_env=False)
        self._wanted, self._before, self._lose = (method, re.compile(path)), before, lose
        self._after = after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        meant = request.method == self._wanted[0] and self._wanted[1].fullmatch(request.url.path)
        if meant and self._before is not None:
            before, self._before = self._before, None
            await before()
        answer = await super().handle_async_request(request)
        if meant and self._after is not None:
            after, self._after = self._after, None
            await after()
        if meant and self._lose:
            self._lose = False
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadError("lost", request=request)
        return answer


async def test_a_lost_reply_is_uncertain_and_the_next_call_makes_no_second(
    connect: Connect, agent: Agent, customer: str
) -> None:
    making = connect(Between("POST", r"/REST/2\.0/asset", lose=True))
    with pytest.raises(UncertainWrite):
        await making.create_organization(customer, named(customer))
    made = await making.create_organization(customer, named(customer))
    seen = await agent("POST", "/assets", [{"field": "Name", "value": customer}])
    assert [one["id"] for one in seen["items"]] == [made.organization_id]

    support = connect()
    losing = connect(Between("PUT", r"/REST/2\.0/asset/\d+", lose=True))
    with pytest.raises(UncertainWrite):
        await losing.publish(gold(customer))
    shown = await support.organization(customer)
    assert shown is not None
    assert shown.entitlement.tier == "gold"
    assert (await losing.publish(gold(customer))).entitlement.tier == "gold"


async def test_what_somebody_has_changed_meanwhile_is_not_overwritten(
    connect: Connect, agent: Agent, customer: str
) -> None:
    """A write that was held up does not land on top of what is newer."""
    made = await connect().create_organization(customer, named(customer))

    async def meanwhile() -> None:
        await connect().publish(gold(customer, tier="silver"))

    late = connect(Between("PUT", r"/REST/2\.0/asset/\d+", meanwhile))
    with pytest.raises(TransientFailure, match="412"):
        await late.publish(gold(customer))
    shown = await connect().organization(customer)
    assert shown is not None
    assert (shown.organization_id, shown.entitlement.tier) == (made.organization_id, "silver")


@pytest.mark.parametrize(
    ("field", "there", "ends"),
    [
        ("Trueup features", ["sso", "chat", "sso"], ["chat", "sso"]),
        ("Trueup features", ["chat"], None),
        ("Trueup support tier", "bronze", None),
    ],
)
async def test_who_writes_at_the_same_moment(
    connect: Connect,
    agent: Agent,
    fields: Fields,
    customer: str,
    field: str,
    there: str | list[str],
    ends: list[str] | None,
) -> None:
    """What both have added is there once; whose word is the newest, a later attempt knows."""
    made = await connect().create_organization(customer, named(customer))
    path = f"/asset/{made.organization_id}"

    async def at_once() -> None:
        await agent("PUT", path, {"CustomFields": {field: there}})

    support = connect(Between("PUT", r"/REST/2\.0/asset/\d+", after=at_once))
    wanted = gold(customer, features=("chat", "sso"))
    if ends is None:
        with pytest.raises(TransientFailure, match=f"by somebody else .*{field}"):
            await support.publish(wanted)
        ends = [there] if isinstance(there, str) else there
    else:
        await support.publish(wanted)
    assert sorted((await fields(made.organization_id))[field]) == ends


async def test_an_update_that_is_answered_with_200_and_not_carried_out(
    connect: Connect, agent: Agent, customer: str
) -> None:
    support = connect()
    await support.create_organization(customer, named(customer))
    found = await agent(
        "POST", "/customfields", [{"field": "Name", "value": "Trueup support tier"}]
    )
    path = f"/customfield/{found['items'][0]['id']}"
    await agent("PUT", path, {"Pattern": "^(bronze|silver)$"})
    try:
        with pytest.raises(Rejection, match="Trueup support tier says something else") as caught:
            await support.publish(gold(customer))
    finally:
        await agent("PUT", path, {"Pattern": ""})
    assert caught.value.reason is RejectionCode.SUPPORT_REFUSED
    assert caught.value.subject == customer


async def test_what_is_missing_is_named(connect: Connect, customer: str) -> None:
    for options, words in (
        ({"catalog": "Nowhere"}, "no catalog 'Nowhere'"),
        ({"tier_field": "Nothing"}, "no custom field Nothing"),
    ):
        with pytest.raises(Rejection, match=words) as caught:
            await connect(**options).create_organization(customer, named(customer))
        assert caught.value.reason is RejectionCode.SUPPORT_REFUSED
        assert "trueup connections setup desk" in caught.value.message
    with pytest.raises(CredentialsRefused, match="Auth Tokens"):
        await connect(token="1-14-wrong").organization(customer)
