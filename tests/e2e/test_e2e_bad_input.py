"""Bad input at the real address: a clear answer or a dead letter, and the stack goes on."""

import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.demo.observed import until
from sandbox.demo.systems import Row
from tests.harness.e2e_stack import Front
from tests.harness.webhooks import signed, subscription_event

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


@pytest.fixture
async def sender(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        yield client


def headers(front: Front, body: bytes, *, at: float | None = None) -> dict[str, str]:
    return signed(body, secret=front.facts.stripe.webhook_secret or "", at=at)


async def read(front: Front, receipt: str) -> Row:
    """What became of an event that was accepted."""

    async def look() -> Row | None:
        found: Row = await front.world.trueup.ask("GET", f"/v1/inbox/{receipt}")
        return found if found["item"]["status"] != "received" else None

    return await until(f"what became of {receipt}", look)


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b'{"id": "evt_\xff"}',
        b"[" * 100_000,
        b"[]",
        b"{}",
        json.dumps({"id": "evt_no_type"}).encode(),
    ],
    ids=["not-json", "not-utf8", "deep", "list", "empty", "no-type"],
)
async def test_unreadable_but_signed_is_a_dead_letter(
    front: Front, sender: httpx.AsyncClient, body: bytes
) -> None:
    url = front.facts.stripe.webhook_url
    answer = await sender.post(url, content=body, headers=headers(front, body))
    assert (answer.status_code, answer.json()["status"]) == (202, "dead_lettered")
    again = await sender.post(url, content=body, headers=headers(front, body))
    assert (again.status_code, again.json()["receipt"]) == (200, answer.json()["receipt"])


async def test_an_event_without_its_subject_becomes_a_dead_letter_with_the_path(
    front: Front, sender: httpx.AsyncClient
) -> None:
    event = json.loads(subscription_event(f"evt_{time.time_ns()}"))
    del event["data"]["object"]["id"]
    body = json.dumps(event).encode()
    url = front.facts.stripe.webhook_url
    answer = await sender.post(url, content=body, headers=headers(front, body))
    assert answer.status_code == 202
    found = await read(front, answer.json()["receipt"])
    assert found["item"]["status"] == "dead_lettered"
    assert "data.object" in found["item"]["reason"]


async def test_an_unknown_type_is_ignored(front: Front, sender: httpx.AsyncClient) -> None:
    body = json.dumps(
        {"id": f"evt_{time.time_ns()}", "object": "event", "type": "moon.risen"}
    ).encode()
    answer = await sender.post(
        front.facts.stripe.webhook_url, content=body, headers=headers(front, body)
    )
    assert answer.status_code == 202
    assert (await read(front, answer.json()["receipt"]))["item"]["status"] == "ignored"


async def test_an_unknown_subscription_waits_for_operations(
    front: Front, sender: httpx.AsyncClient
) -> None:
    nobody = f"sub_nobody{time.time_ns()}"
    body = subscription_event(f"evt_{time.time_ns()}", nobody)
    answer = await sender.post(
        front.facts.stripe.webhook_url, content=body, headers=headers(front, body)
    )
    assert answer.status_code == 202

    async def look() -> Row | None:
        changes = await front.world.trueup.changes(nobody)
        return changes[0] if changes and changes[0]["state"] == "waiting" else None

    stuck = await until(f"the change of {nobody} that waits", look)
    (opened,) = await front.world.trueup.exceptions(stuck["change_id"])
    assert nobody in opened["message"]
    path = f"/v1/exceptions/{opened['exception_id']}/resolve"
    decided = await front.world.trueup.ask("POST", path, json={"action": "abort"})
    assert decided["exception"]["resolution"] == "abort"


@pytest.mark.parametrize(
    ("path", "age", "size", "status"),
    [
        ("", 301, 10, 401),
        ("", -301, 10, 401),
        ("", 0, (1 << 20) + 1, 413),
        ("x", 0, 10, 404),
    ],
    ids=["stale", "future", "too-large", "unknown-connection"],
)
async def test_refused_with_a_problem_and_nothing_kept(
    front: Front, sender: httpx.AsyncClient, path: str, age: int, size: int, status: int
) -> None:
    before = await front.world.trueup.ask("GET", "/v1/inbox", params={"limit": 1})
    body = b"x" * size
    answer = await sender.post(
        front.facts.stripe.webhook_url + path,
        content=body,
        headers=headers(front, body, at=time.time() - age),
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    after = await front.world.trueup.ask("GET", "/v1/inbox", params={"limit": 1})
    assert after["items"] == before["items"]
