"""How much one key, and one address without a known key, may send; on a real server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from operations.context import AppContext
from persistence import keys
from persistence.database import Database
from runtime.settings import ApiSettings
from starter_api.app import create_app
from tests.api.conftest import Call
from tests.api.seeding import key_of
from tests.harness.serving import serving

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def serve(dsn: str, context: AppContext) -> AsyncIterator[Serve]:
    """`await serve(limits={"key": 3})`: a client of such a server."""
    async with AsyncExitStack() as stack:

        async def served(**settings: Any) -> httpx.AsyncClient:
            app = create_app(
                dsn=dsn,
                connections={},
                context=context,
                settings=ApiSettings.model_validate(settings),
            )
            url = await stack.enter_async_context(serving(app))
            client = httpx.AsyncClient(base_url=url, trust_env=False)
            return await stack.enter_async_context(client)

        yield served


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def is_limited(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "too-many-requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["retry-after"] in answer.json()["remedy"]
    return True


async def test_each_key_has_its_own_count(serve: Serve, database: Database) -> None:
    client = await serve(limits={"key": 3, "address": 10})
    one, other = await key_of(database, "acme", "admin"), await key_of(database, "acme", "admin")
    # The first shows that it is good, and counts for the address.
    answers = [await client.get("/v1/changes", headers=bearer(one)) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert is_limited(answers[-1])
    assert "this API key may send 3 requests a minute" in answers[-1].json()["detail"]
    assert (await client.get("/v1/changes", headers=bearer(other))).status_code == 200


async def test_who_guesses_keys_is_not_looked_up_for_long(serve: Serve, database: Database) -> None:
    client = await serve(limits={"address": 4})
    good = await key_of(database, "acme", "admin")
    assert (await client.get("/v1/changes", headers=bearer(good))).status_code == 200
    guesses = [await client.get("/v1/changes", headers=bearer(f"tu_{no}")) for no in range(5)]
    assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
    assert is_limited(guesses[-1])
    # Of all that takes a key, or is told without one.
    for path in ("/v1/changes", "/v1/nothing", "/openapi.json", "/"):
        assert is_limited(await client.get(path))
    # A key at work goes on beside it, and whether the process lives is always answered.
    assert (await client.get("/v1/changes", headers=bearer(good))).status_code == 200
    for _ in range(20):
        assert (await client.get("/healthz")).status_code == 200


async def test_a_revoked_key_counts_as_one_that_is_guessed(
    serve: Serve, database: Database
) -> None:
    client = await serve(limits={"address": 3})
    raw = await key_of(database, "acme", "admin")
    assert (await client.get("/v1/changes", headers=bearer(raw))).status_code == 200
    async with database.transaction() as conn:
        (key,) = await keys.page(conn, "acme")
        await keys.revoke(conn, "acme", key.key_id)
    answers = [await client.get("/v1/changes", headers=bearer(raw)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


async def test_no_limit_is_said_as_nothing(serve: Serve) -> None:
    client = await serve(limits={"address": 0})
    for _ in range(30):
        assert (await client.get("/v1/changes")).status_code == 401


async def test_clients_behind_a_proxy_are_told_apart(serve: Serve) -> None:
    client = await serve(limits={"address": 2}, trusted_proxies=["127.0.0.0/8"])

    async def asked(by: str) -> int:
        return (await client.get("/v1/changes", headers={"x-forwarded-for": by})).status_code

    assert [await asked("198.51.100.1") for _ in range(3)] == [401, 401, 429]
    # What the client itself has written before the proxy's word changes nothing.
    assert await asked("6.6.6.6, 198.51.100.1") == 429
    assert await asked("198.51.100.2") == 401


async def test_without_a_proxy_nobody_names_an_address(serve: Serve) -> None:
    client = await serve(limits={"address": 2})
    answers = [
        await client.get("/v1/changes", headers={"x-forwarded-for": f"198.51.100.{no}"})
        for no in range(3)
    ]
    assert is_limited(answers[-1])


async def test_it_is_described(call: Call) -> None:
    document = (await call("GET", "/openapi.json")).json()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["responses"]["429"]["headers"].keys() == {"Retry-After"}
