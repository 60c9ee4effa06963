"""Tokens of an OAuth client: shared, renewed before they end, and once where they are refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import pytest
import structlog.testing
from pydantic import SecretStr

from canonical_models.failures import CredentialsRefused, TransientFailure
from connectors.config import ConnectionConfig
from connectors.zendesk import access
from connectors.zendesk.access import ClientCredentials
from connectors.zendesk.adapter import ZendeskTicketing

SECRET = "PlantedClientSecret0123456789"

Connect = Callable[..., ZendeskTicketing]


@pytest.fixture
async def account(zendesk_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=zendesk_url, trust_env=False) as client:
        yield client


@pytest.fixture
async def joined(zendesk_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """As in a process of its own."""
    monkeypatch.setattr(access, "_SHARED", WeakKeyDictionary())
    made: list[ZendeskTicketing] = []

    def make(secret: str = SECRET, transport: Any = None, **options: Any) -> ZendeskTicketing:
        config = ConnectionConfig(
            name="support",
            vendor="zendesk",
            base_url=zendesk_url,
            secrets={"client_secret": SecretStr(secret)},
            options={"client_id": "trueup", **options},
            timeout_seconds=5,
        )
        made.append(ZendeskTicketing.connect(config, transport=transport))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def client(account: httpx.AsyncClient, *, life: float | None = None) -> int:
    """Make the client, with tokens that live so many seconds; how many were asked for so far."""
    wanted = {"client_id": "trueup", "client_secret": SECRET, "life_seconds": life}
    (await account.post("/_sim/oauth", json=wanted)).raise_for_status()
    return await asked(account)


async def asked(account: httpx.AsyncClient) -> int:
    found: int = (await account.get("/_sim/oauth")).json()["asked"]
    return found


async def test_one_token_serves_all_calls_at_once(
    account: httpx.AsyncClient, joined: Connect
) -> None:
    before = await client(account)
    support = joined()
    await asyncio.gather(*(support.organization(f"nobody_{n}") for n in range(8)))
    await support.organization("nobody_again")
    assert await asked(account) == before + 1


async def test_all_of_a_process_share_a_token_and_other_clients_do_not(
    account: httpx.AsyncClient, joined: Connect
) -> None:
    before = await client(account)
    for number in range(3):
        await joined().organization(f"nobody_{number}")
    assert await asked(account) == before + 1
    with pytest.raises(CredentialsRefused):
        await joined("AnotherSecret").organization("nobody")
    assert await asked(account) == before + 2


def test_of_an_api_token_the_day_on_which_it_ends_is_told_once(
    connect: Callable[..., ZendeskTicketing],
) -> None:
    with structlog.testing.capture_logs() as told:
        for _ in range(2):
            connect("https://ending.example.com", name="ending")
    (warning,) = [each for each in told if each["log_level"] == "warning"]
    assert (warning["connection"], warning["end"]) == ("ending", "2027-04-30")


async def test_a_token_is_used_while_it_lives(account: httpx.AsyncClient, joined: Connect) -> None:
    # Of a token that lives ten seconds the last one is not used.
    before = await client(account, life=10)
    support = joined()
    await support.organization("nobody_1")
    (await account.post("/_sim/clock", json={"advance_seconds": 5})).raise_for_status()
    await support.organization("nobody_2")
    assert await asked(account) == before + 1


async def test_a_token_that_is_refused_is_renewed_once_for_all(
    account: httpx.AsyncClient, joined: Connect
) -> None:
    before = await client(account)
    support = joined()
    await support.organization("nobody_1")
    (await account.delete("/_sim/oauth/tokens")).raise_for_status()
    await asyncio.gather(*(support.organization(f"nobody_{n}") for n in range(8)))
    assert await asked(account) == before + 2


async def test_a_client_that_is_refused_is_told_without_its_secret(
    account: httpx.AsyncClient, joined: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    await client(account)
    with pytest.raises(CredentialsRefused, match="client_secret") as refused:
        await joined("WrongPlantedSecret").organization("nobody")
    assert "WrongPlantedSecret" not in str(refused.value) + caplog.text


async def test_refused_twice_is_credentials_and_no_third_try(joined: Connect) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if request.url.path == "/oauth/tokens":
            return httpx.Response(200, json={"access_token": "t", "token_type": "bearer"})
        return httpx.Response(401, json={"error": "invalid_token"})

    with pytest.raises(CredentialsRefused):
        await joined(transport=httpx.MockTransport(answer)).organization("nobody")
    assert len(seen) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_no_token_now_is_tried_again_later(joined: Connect, status: int) -> None:
    busy = httpx.MockTransport(lambda _: httpx.Response(status, headers={"retry-after": "7"}))
    with pytest.raises(TransientFailure) as later:
        await joined(transport=busy).organization("nobody")
    assert later.value.retry_after == 7


def test_one_way_in_is_needed_and_no_two(joined: Connect) -> None:
    with pytest.raises(ValueError, match="client_id"):
        joined(email="sync@example.com")


async def test_a_token_is_renewed_before_it_ends() -> None:
    """A tenth of its life before, at most a minute."""
    now = [0.0]
    given: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/tokens":
            given.append(f"token_{len(given)}")
            said = {"access_token": given[-1], "token_type": "bearer", "expires_in": 3600}
            return httpx.Response(200, json=said)
        return httpx.Response(200, json={"by": request.headers["authorization"]})

    config = ConnectionConfig(
        name="support",
        vendor="zendesk",
        base_url="http://zendesk.test",
        secrets={"client_secret": SecretStr(SECRET)},
    )
    transport = httpx.MockTransport(answer)
    way_in = ClientCredentials(config, "trueup", transport=transport, clock=lambda: now[0])
    async with httpx.AsyncClient(transport=transport, auth=way_in) as http:

        async def by() -> str:
            said: str = (await http.get("http://zendesk.test/api")).json()["by"]
            return said

        assert await by() == "Bearer token_0"
        now[0] = 3539
        assert await by() == "Bearer token_0"
        now[0] = 3540
        assert await by() == "Bearer token_1"
