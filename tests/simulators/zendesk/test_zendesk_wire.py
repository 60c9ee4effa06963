"""The simulator as a process: credentials, limits, faults, lost replies, restarts."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sandbox.simulators.child import running_child
from tests.harness.lost_replies import LOST_REPLY

TICKETS = "/api/v2/tickets"
BODY = {"ticket": {"subject": "s", "comment": {"body": "b"}, "external_id": "saga-1"}}
AUTH = ("agent@example.com/token", "secret")


@pytest_asyncio.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str]:
    state = tmp_path_factory.mktemp("zendesk") / "state.sqlite"
    async with running_child(
        "sandbox.simulators.zendesk", "--state", str(state), "--token", "secret"
    ) as child:
        yield child.url


@pytest_asyncio.fixture
async def client(url: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, auth=AUTH, trust_env=False) as client:
        await client.delete("/_sim/faults")
        await client.delete("/_sim/requests")
        await client.post("/_sim/rate_limit", json={"per_minute": None})
        yield client


async def arm(client: httpx.AsyncClient, **fault: object) -> None:
    assert (await client.post("/_sim/faults", json=[fault])).status_code == 201


async def ticket_count(client: httpx.AsyncClient) -> int:
    count: int = (await client.get(TICKETS)).json()["count"]
    return count


async def journal(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await client.get("/_sim/requests")).json()["journal"]
    return entries


async def test_drop_before_has_no_effect(client: httpx.AsyncClient) -> None:
    before = await ticket_count(client)
    await arm(client, method="POST", path_prefix=TICKETS, drop="before")

    with pytest.raises(LOST_REPLY):
        await client.post(TICKETS, json=BODY)

    assert await ticket_count(client) == before
    (entry,) = await journal(client)
    assert (entry["outcome"], entry["status"]) == ("dropped", None)
    assert (await client.post(TICKETS, json=BODY)).status_code == 201


async def test_drop_after_has_the_effect_once_with_a_key(client: httpx.AsyncClient) -> None:
    before = await ticket_count(client)
    await arm(client, method="POST", path_prefix=TICKETS, drop="after", times=2)

    headers = {"Idempotency-Key": "lost"}
    for _ in range(2):
        with pytest.raises(LOST_REPLY):
            await client.post(TICKETS, json=BODY, headers=headers)
    reply = await client.post(TICKETS, json=BODY, headers=headers)

    assert reply.headers["x-idempotency-lookup"] == "hit"
    assert await ticket_count(client) == before + 1
    entries = await journal(client)
    assert [(e["outcome"], e["status"]) for e in entries] == [
        ("effect", None),
        ("replayed", None),
        ("replayed", 201),
    ]
    assert {e["idempotency_key"] for e in entries} == {"lost"}


async def test_status_fault_for_good_until_cleared(client: httpx.AsyncClient) -> None:
    before = await ticket_count(client)
    await arm(client, method="POST", status=503, times=None, retry_after=3)
    for _ in range(2):
        reply = await client.post(TICKETS, json=BODY)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "3")
        assert reply.json()["error"] == "SimulatedFault"
    assert (await client.delete("/_sim/faults")).status_code == 204
    assert await ticket_count(client) == before


async def test_delay_only_delays(client: httpx.AsyncClient) -> None:
    await arm(client, path_prefix="/api/v2/users", delay_ms=60_000)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/api/v2/users/me", timeout=0.1)
    assert (await client.get("/api/v2/users/me")).status_code == 200


@pytest.mark.parametrize(
    "fault", [{"drop": "sideways"}, {"status": 200}, {"times": 0}, {"colour": "red"}, 1]
)
async def test_unknown_faults_are_refused(client: httpx.AsyncClient, fault: object) -> None:
    assert (await client.post("/_sim/faults", json=[fault])).status_code == 422
    assert (await client.get("/_sim/faults")).json() == {"faults": []}


@pytest.mark.parametrize(
    "auth",
    [
        None,
        ("agent@example.com/token", "wrong"),
        ("agent@example.com", "secret"),
        ("agent/token", "secret"),
    ],
)
async def test_wrong_credentials(url: str, auth: tuple[str, str] | None) -> None:
    async with httpx.AsyncClient(base_url=url, auth=auth, trust_env=False) as stranger:
        reply = await stranger.post(TICKETS, json=BODY)
        assert reply.status_code == 401
        assert reply.json() == {"error": "Couldn't authenticate you"}
        assert (await stranger.get("/_sim/healthz")).status_code == 200


@pytest.mark.parametrize("header", ["Bearer x", "Basic %%%", "Basic", "Basic /w=="])
async def test_broken_credentials(url: str, header: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as stranger:
        reply = await stranger.get(TICKETS, headers={"Authorization": header})
        assert reply.status_code == 401


async def test_rate_limit(client: httpx.AsyncClient) -> None:
    await client.post("/_sim/rate_limit", json={"per_minute": 2})
    first, second, third = [await client.get("/api/v2/users/me") for _ in range(3)]
    update = await client.put("/api/v2/organizations/1", json={"organization": {}})

    assert first.headers["X-Rate-Limit"] == first.headers["ratelimit-limit"] == "2"
    assert first.headers["X-Rate-Limit-Remaining"] == first.headers["ratelimit-remaining"] == "1"
    assert second.status_code == 200
    assert (third.status_code, third.json()["error"]) == (429, "APIRateLimitExceeded")
    assert third.headers["ratelimit-remaining"] == "0"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert (update.status_code, update.json()["errors"][0]["code"]) == (429, "TooManyRequests")

    await client.post(
        "/_sim/clock", json={"advance_seconds": int(third.headers["ratelimit-reset"])}
    )
    assert (await client.get("/api/v2/users/me")).status_code == 200


async def test_state_survives_a_kill(tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state.sqlite"), "--token", "secret")
    headers = {"Idempotency-Key": "k"}
    async with (
        running_child("sandbox.simulators.zendesk", *arguments) as child,
        httpx.AsyncClient(base_url=child.url, auth=AUTH, trust_env=False) as client,
    ):
        await client.post("/_sim/clock", json={"advance_seconds": 86_400})
        made = (await client.post(TICKETS, json=BODY, headers=headers)).json()["ticket"]
        child.process.kill()
        await child.process.wait()

    async with (
        running_child("sandbox.simulators.zendesk", *arguments) as child,
        httpx.AsyncClient(base_url=child.url, auth=AUTH, trust_env=False) as client,
    ):
        again = await client.post(TICKETS, json=BODY, headers=headers)
        assert again.headers["x-idempotency-lookup"] == "hit"
        assert again.json()["ticket"]["id"] == made["id"]
        assert len(await journal(client)) == 2
        other = (await client.post(TICKETS, json=BODY)).json()["ticket"]
        assert (other["id"], other["created_at"] >= made["created_at"]) == (made["id"] + 1, True)


async def test_a_reply_lost_by_the_proxy_leaves_the_effect(client: httpx.AsyncClient) -> None:
    before = await ticket_count(client)
    async with (
        running_child("sandbox.simulators.faultproxy", "--upstream", str(client.base_url)) as proxy,
        httpx.AsyncClient(base_url=proxy.url, auth=AUTH, trust_env=False) as proxied,
    ):
        rule = {"method": "POST", "path_regex": "tickets", "action": "drop_after"}
        assert (await proxied.post("/_proxy/faults", json=[rule])).status_code == 201
        with pytest.raises(LOST_REPLY):
            await proxied.post(TICKETS, json=BODY)
        probe = await proxied.get(TICKETS, params={"external_id": "saga-1", "per_page": 1})

    assert await ticket_count(client) == before + 1
    (ticket,) = probe.json()["tickets"]
    assert ticket["url"].startswith(proxy.url)
    (entry,) = await journal(client)
    assert (entry["outcome"], entry["status"]) == ("effect", 201)


async def test_stops_cleanly(tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state.sqlite"))
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        child.process.terminate()
        assert await asyncio.wait_for(child.process.wait(), 10) == 0
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert await asyncio.wait_for(child.process.wait(), 10) == 0
