"""What a target is told is what it holds, and the highest revision wins."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from canonical_models.entitlement import (
    CustomerEntitlements,
    EntitledFeature,
    TargetHeld,
    TargetReceipt,
)
from canonical_models.failures import Rejection, RejectionCode, Team, UncertainWrite
from connectors.config import ConnectionConfig
from connectors.ports import EntitlementTarget
from connectors.registry import target as registered
from connectors.signed_http.adapter import SignedHttpTarget
from connectors.signed_http.mapping import body_of

Control = Callable[..., Awaitable[Any]]
Connect = Callable[..., SignedHttpTarget]
Arm = Callable[..., Awaitable[None]]

NOON = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)


def entitled(customer_id: str, revision: int, *features: EntitledFeature) -> CustomerEntitlements:
    return CustomerEntitlements(
        customer_id=customer_id, revision=revision, as_of=NOON, features=features
    )


def seats(quantity: int, until: datetime | None = None) -> EntitledFeature:
    return EntitledFeature(feature="seats", quantity=quantity, until=until)


def receipt(customer_id: str, revision: int) -> TargetReceipt:
    return TargetReceipt(customer_id=customer_id, revision=revision)


def held(customer_id: str, revision: int, *features: EntitledFeature) -> TargetHeld:
    return TargetHeld(customer_id=customer_id, revision=revision, features=features)


async def logged(control: Control, customer_id: str) -> list[dict[str, Any]]:
    requests = (await control("GET", "requests"))["requests"]
    return [one for one in requests if one["customer_id"] == customer_id]


async def test_publish_and_hold(target: SignedHttpTarget, control: Control, customer: str) -> None:
    port: EntitlementTarget = target
    berlin = timezone(timedelta(hours=1))
    sso = EntitledFeature(feature="sso", quantity=1, until=datetime(2027, 1, 1, 1, tzinfo=berlin))
    assert await port.held(customer) == held(customer, 0)

    assert await port.publish(entitled(customer, 3, sso, seats(5))) == receipt(customer, 3)

    assert await port.held(customer) == held(customer, 3, seats(5), sso)
    assert await control("GET", f"customers/{customer}") == {
        "customer_id": customer,
        "revision": 3,
        "as_of": "2026-11-30T12:00:00.250000Z",
        "features": [
            {"feature": "seats", "quantity": 5, "until": None},
            {"feature": "sso", "quantity": 1, "until": "2027-01-01T00:00:00Z"},
        ],
    }


async def test_a_newer_revision_replaces_all(
    target: SignedHttpTarget, control: Control, customer: str
) -> None:
    await target.publish(entitled(customer, 1, seats(5)))
    assert await target.publish(entitled(customer, 7)) == receipt(customer, 7)
    assert (await control("GET", f"customers/{customer}"))["features"] == []


async def test_an_older_revision_is_refused_and_no_error(
    target: SignedHttpTarget, control: Control, customer: str
) -> None:
    await target.publish(entitled(customer, 5, seats(5)))
    assert await target.publish(entitled(customer, 4, seats(4))) == receipt(customer, 5)
    assert (await control("GET", f"customers/{customer}"))["features"][0]["quantity"] == 5
    assert [one["status"] for one in await logged(control, customer)] == [201, 409]


async def test_a_repetition_is_harmless_and_known_as_one(
    target: SignedHttpTarget, control: Control, customer: str
) -> None:
    sso = EntitledFeature(feature="sso", quantity=1, until=None)
    await target.publish(entitled(customer, 2, seats(5), sso))
    assert await target.publish(entitled(customer, 2, sso, seats(5))) == receipt(customer, 2)
    await target.publish(entitled(customer, 3, sso, seats(5)))

    first, second, third = await logged(control, customer)
    assert [one["outcome"] for one in (first, second, third)] == ["kept", "repeated", "kept"]
    ids = [one["headers"]["webhook-id"] for one in (first, second, third)]
    assert ids[0] == ids[1] != ids[2]
    assert first["body"] == second["body"]


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_reply_is_uncertain_and_a_look_tells(
    target: SignedHttpTarget, fault: Arm, customer: str, lost: str
) -> None:
    await fault(method="PUT", customer_id=customer, drop=lost)
    with pytest.raises(UncertainWrite, match=customer):
        await target.publish(entitled(customer, 1, seats(5)))

    there = held(customer, 1, seats(5)) if lost == "after" else held(customer, 0)
    assert await target.held(customer) == there
    assert await target.publish(entitled(customer, 1, seats(5))) == receipt(customer, 1)


async def test_a_target_that_lost_its_state_is_right_after_the_next(
    target: SignedHttpTarget, control: Control, customer: str
) -> None:
    await target.publish(entitled(customer, 4, seats(5)))
    await control("DELETE", f"customers/{customer}")
    assert await target.held(customer) == held(customer, 0)
    assert await target.publish(entitled(customer, 4, seats(5))) == receipt(customer, 4)


async def test_a_target_restored_from_a_copy_says_what_it_holds(
    target: SignedHttpTarget, control: Control, customer: str
) -> None:
    await target.publish(entitled(customer, 4, seats(5)))
    copy = await control("GET", f"customers/{customer}")
    await target.publish(entitled(customer, 7, seats(9)))
    await control("PUT", f"customers/{customer}", copy)
    assert await target.held(customer) == held(customer, 4, seats(5))


async def test_the_official_library_verifies_both_requests(
    target: SignedHttpTarget, control: Control, customer: str, secret: str
) -> None:
    await target.publish(entitled(customer, 1, seats(5)))
    await target.held(customer)
    await target.held(customer)

    put, look, again = await logged(control, customer)
    ours = Webhook(secret)
    assert ours.verify(put["body"], put["headers"])["revision"] == 1
    assert put["headers"]["content-type"] == "application/json"
    for one in (look, again):
        assert one["body"] == ""
        ours.verify(one["body"], one["headers"], json_parse=False)
    assert look["headers"]["webhook-id"] != again["headers"]["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        ours.verify(put["body"] + " ", put["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 44).verify(put["body"], put["headers"])


@pytest.mark.parametrize(
    "customer_id", ["a/b", "a%2Fb", "per%20cent", "a?b=c#d", "a+b&c", "...", "~!'()*;:@,$[]"]
)
async def test_ids_with_signs_that_mean_something_in_an_address(
    target: SignedHttpTarget, control: Control, customer_id: str
) -> None:
    assert await target.publish(entitled(customer_id, 2)) == receipt(customer_id, 2)
    assert await target.held(customer_id) == held(customer_id, 2)
    assert [one["status"] for one in await logged(control, customer_id)] == [201, 200]


@pytest.mark.parametrize("customer_id", [".", "..", "", "cus 1", "x" * 256, "cus_\n"])
async def test_ids_that_no_target_can_be_asked_about(
    target: SignedHttpTarget, customer_id: str
) -> None:
    with pytest.raises(Rejection, match="then retry") as caught:
        await target.held(customer_id)
    assert caught.value.reason is RejectionCode.TARGET_REFUSED
    assert caught.value.owner is Team.OPERATIONS


def test_the_last_hour_of_the_calendar_has_no_utc(customer: str) -> None:
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    assert b'"until":"9999-12-31T23:59:59.999999-01:00"' in body_of(
        entitled(customer, 1, seats(1, until=last))
    )


async def test_an_address_with_a_path(connect: Connect, customer: str) -> None:
    seen: list[str] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(201, json={"customer_id": customer, "revision": 1, "more": True})

    for address in ("https://example.com/hooks", "https://example.com/hooks/"):
        adapter = connect(address, transport=httpx.MockTransport(take))
        assert await adapter.publish(entitled(customer, 1)) == receipt(customer, 1)
    assert seen == [f"https://example.com/hooks/entitlements/{customer}"] * 2


async def test_the_registry_knows_it(target_url: str, customer: str, secret: str) -> None:
    config = ConnectionConfig(
        name="product",
        vendor="signed_http",
        base_url=target_url,
        secrets={"signing_secret": SecretStr(secret)},
    )
    seen: list[tuple[str, str, str]] = []
    adapter = registered(
        config, lambda system, method, outcome, _: seen.append((system, method, outcome))
    )
    try:
        assert await adapter.held(customer) == held(customer, 0)
    finally:
        await adapter.close()
    assert seen == [("signed_http", "GET", "404")]
