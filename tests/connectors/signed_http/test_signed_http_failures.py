"""Every status that a target may answer with, and every answer outside its contract."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from canonical_models.entitlement import CustomerEntitlements
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    Team,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from connectors.refusals import RequestContext
from connectors.registry import UnknownVendor
from connectors.registry import target as registered
from connectors.signed_http.adapter import SignedHttpTarget
from connectors.signed_http.errors import REFUSALS, failure

Control = Callable[..., Awaitable[Any]]
Connect = Callable[..., SignedHttpTarget]
Arm = Callable[..., Awaitable[None]]

READ = RequestContext("tell the revision of", "product", "cus_1")
WRITE = RequestContext("keep the entitlements of", "product", "cus_1", writes=True)
LATER = {"retry-after": "7"}
PRIVATE = "jane.doe@example.com has no seat"
STATUSES = (202, 204, *range(300, 309), *range(400, 432), 451, 499, *range(500, 530), 599)
BODIES = (b"", b"<html>", b"[]", b'{"error": 5}', json.dumps({"error": PRIVATE}).encode())


def told(customer_id: str, revision: int = 5) -> CustomerEntitlements:
    return CustomerEntitlements(
        customer_id=customer_id,
        revision=revision,
        as_of=datetime(2026, 11, 30, tzinfo=UTC),
        features=(),
    )


def expected(status: int, *, writes: bool, delayed: bool, foreign: bool) -> type[Failure]:
    """The table once more, in other words."""
    if status in (400, 422):
        return Rejection
    if status in (401, 403):
        return CredentialsRefused
    if status == 429 or (status == 503 and delayed):
        return TransientFailure
    if status == 408 or (status == 404 and foreign) or 500 <= status <= 599:
        return UncertainWrite if writes else TransientFailure
    return ContractDrift


@pytest.mark.parametrize("context", [READ, WRITE])
@pytest.mark.parametrize("delayed", [False, True])
def test_every_status(context: RequestContext, delayed: bool) -> None:
    for status in STATUSES:
        for content in BODIES:
            answer = httpx.Response(status, content=content, headers=LATER if delayed else None)
            raised = failure(answer, context)
            foreign = content != BODIES[-1]
            wanted = expected(status, writes=context.writes, delayed=delayed, foreign=foreign)
            assert type(raised) is wanted, status
            assert raised.system == "signed_http"
            assert raised.owner is Team.OPERATIONS
            for part in (str(status), "cus_1", "'product'"):
                assert part in raised.message
            assert "jane" not in raised.message


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for rule in REFUSALS.table:
        assert isinstance(rule.statuses, int)
        assert REFUSALS.rule(rule.statuses, rule.needs) is rule


@pytest.mark.parametrize(("status", "context"), [(429, WRITE), (503, WRITE), (500, READ)])
def test_the_delay_is_passed_on(status: int, context: RequestContext) -> None:
    raised = failure(httpx.Response(status, headers=LATER), context)
    assert isinstance(raised, TransientFailure)
    assert raised.retry_after == 7
    if status == 429:
        bare = failure(httpx.Response(status), context)
        assert isinstance(bare, TransientFailure)
        assert bare.retry_after is None


async def test_a_refusal_shows_the_targets_word_for_it(
    target: SignedHttpTarget, fault: Arm, customer: str
) -> None:
    await fault(customer_id=customer, status=422, body={"error": "unknown_feature"})
    with pytest.raises(Rejection, match=f"422 unknown_feature .*{customer}.*then retry") as caught:
        await target.publish(told(customer))
    assert caught.value.reason is RejectionCode.TARGET_REFUSED
    assert caught.value.subject == customer


@pytest.mark.parametrize(
    ("rule", "publishing", "looking"),
    [
        ({"status": 403}, CredentialsRefused, CredentialsRefused),
        ({"status": 429, "retry_after": 3}, TransientFailure, TransientFailure),
        ({"status": 503, "retry_after": 3}, TransientFailure, TransientFailure),
        ({"status": 503}, UncertainWrite, TransientFailure),
        ({"status": 500}, UncertainWrite, TransientFailure),
        ({"drop": "before"}, UncertainWrite, TransientFailure),
        ({"status": 400}, Rejection, Rejection),
        ({"status": 410}, ContractDrift, ContractDrift),
        ({"status": 202}, ContractDrift, ContractDrift),
    ],
)
async def test_on_the_wire(
    fault: Arm,
    control: Control,
    connect: Connect,
    target_url: str,
    customer: str,
    rule: dict[str, Any],
    publishing: type[Failure],
    looking: type[Failure],
) -> None:
    target = connect(target_url)
    await fault(**rule, customer_id=customer, times=2)
    with pytest.raises(publishing):
        await target.publish(told(customer))
    with pytest.raises(looking):
        await target.held(customer)
    assert (await control("GET", "faults"))["faults"] == []
    # Anew, because who was told twice to come later does.
    assert (await connect(target_url).held(customer)).revision == 0


async def test_nothing_at_the_address(connect: Connect) -> None:
    # The discard port: nothing listens there.
    with pytest.raises(TransientFailure, match="cannot be reached"):
        await connect("http://127.0.0.1:9").publish(told("cus_1"))


async def test_another_secret(connect: Connect, target_url: str, customer: str) -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    stranger = connect(target_url, secret=other)
    with pytest.raises(CredentialsRefused, match=r"signature_wrong.*'product'") as caught:
        await stranger.publish(told(customer))
    assert other not in caught.value.message
    with pytest.raises(CredentialsRefused):
        await stranger.held(customer)


async def test_an_address_where_no_target_is(connect: Connect, target_url: str) -> None:
    with pytest.raises(UncertainWrite, match=r"404.*base address"):
        await connect(f"{target_url}/elsewhere").publish(told("cus_1"))


@pytest.mark.parametrize("status", [200, 201, 409])
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({"revision": 5}, "$.customer_id"),
        ({"customer_id": "cus_1", "revision": "5"}, "$.revision"),
        ({"customer_id": "cus_1", "revision": -1}, "$.revision"),
        ({"customer_id": "cus_2", "revision": 5}, "$.customer_id"),
        # Told 5 and answers that it holds less.
        ({"customer_id": "cus_1", "revision": 4}, "$.revision"),
    ],
)
async def test_drift_names_the_path(connect: Connect, status: int, body: Any, path: str) -> None:
    answer = httpx.Response(status, json=body)
    adapter = connect("https://example.com", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(ContractDrift) as caught:
        await adapter.publish(told("cus_1"))
    assert caught.value.payload_path == path


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({}, "$.features"),
        ({"features": [{"feature": "seats", "until": None}]}, "$.features[0].quantity"),
        (
            {"features": [{"feature": "seats", "quantity": 1, "until": "2027-01-01"}]},
            "$.features[0].until",
        ),
        ({"features": [{"feature": "seats", "quantity": 1, "until": None}] * 2}, "$.features"),
    ],
)
async def test_a_look_that_does_not_tell_all(
    connect: Connect, members: dict[str, Any], path: str
) -> None:
    """A revision alone cannot be compared: unknown is not nothing."""
    answer = httpx.Response(200, json={"customer_id": "cus_1", "revision": 5, **members})
    adapter = connect("https://example.com", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(ContractDrift) as caught:
        await adapter.held("cus_1")
    assert caught.value.payload_path == path


async def test_garbage(connect: Connect) -> None:
    answer = httpx.Response(200, content=b"<html>")
    adapter = connect("https://example.com", transport=httpx.MockTransport(lambda _: answer))
    for act in (adapter.publish(told("cus_1")), adapter.held("cus_1")):
        with pytest.raises(ContractDrift, match="not JSON"):
            await act


async def test_a_conflict_is_no_answer_to_a_look(connect: Connect) -> None:
    answer = httpx.Response(409, json={"customer_id": "cus_1", "revision": 5})
    adapter = connect("https://example.com", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(ContractDrift, match="409"):
        await adapter.held("cus_1")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "whsec_not base64, but the library would take it",
        "whsec_ü",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_that_does_not_fit(connect: Connect, secret: str) -> None:
    with pytest.raises(ValueError, match=r"'product'.*signing_secret") as caught:
        connect("https://example.com", secret=secret)
    assert len(secret) <= len("whsec_") or secret not in str(caught.value)


def test_a_secret_that_is_missing() -> None:
    config = ConnectionConfig(name="product", vendor="signed_http", base_url="https://example.com")
    with pytest.raises(KeyError, match="signing_secret"):
        SignedHttpTarget.connect(config)


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://example.com", "example.com", "", "https://", "https://example.com:port"),
        *("https://example.com/?key=1", "https://example.com/#b"),
    ],
)
def test_an_address_that_paths_cannot_be_added_to(connect: Connect, address: str) -> None:
    with pytest.raises(ValueError, match=r"'product'.*base_url"):
        connect(address)


def test_there_are_no_options(connect: Connect) -> None:
    with pytest.raises(ValueError, match="no option colour"):
        connect("https://example.com", colour="red")


def test_a_vendor_that_is_no_target() -> None:
    config = ConnectionConfig(name="product", vendor="pigeon", base_url="https://example.com")
    with pytest.raises(UnknownVendor, match="no target adapter is called 'pigeon'"):
        registered(config, lambda *_: None)
