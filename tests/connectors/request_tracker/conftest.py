"""One Request Tracker for all tests of the folder; every test has customers of its own."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected
from connectors.config import ConnectionConfig
from connectors.request_tracker.adapter import RequestTrackerTicketing
from connectors.request_tracker.checking import RequestTrackerConnection
from sandbox.rt.server import RtInstance, RtServer, missing

EXPECTED = Expected(webhook_path="/webhooks/acme/rt")

Agent = Callable[..., Awaitable[Any]]
Connect = Callable[..., RequestTrackerTicketing]


def configured(url: str, token: str, **options: Any) -> ConnectionConfig:
    return ConnectionConfig(
        name="desk",
        vendor="request_tracker",
        base_url=url,
        secrets={"token": SecretStr(token)},
        options=options,
        timeout_seconds=20,
    )


@pytest.fixture(scope="session")
async def rt(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RtInstance]:
    """Set up as people do, by its administrator's token."""
    if (why := missing()) is not None:
        pytest.skip(why)
    async with RtServer(tmp_path_factory.mktemp("rt")) as server:
        config = configured(
            server.url, server.administrator_token, context_url="https://trueup.example.com"
        )
        async with RequestTrackerConnection.connect(config) as connection:
            await connection.setup(EXPECTED, keep=str)
        yield server


@pytest.fixture
async def connect(rt: RtInstance) -> AsyncIterator[Connect]:
    """Adapters, closed after the test. The token's user has no more rights than are documented."""
    async with contextlib.AsyncExitStack() as stack:

        def make(
            transport: httpx.AsyncBaseTransport | None = None, token: str = "", **options: Any
        ) -> RequestTrackerTicketing:
            config = configured(rt.url, token or rt.token, **options)
            adapter = RequestTrackerTicketing.connect(config, transport=transport)
            stack.push_async_callback(adapter.close)
            return adapter

        yield make


@pytest.fixture
def support(connect: Connect) -> RequestTrackerTicketing:
    return connect()


@pytest.fixture(scope="session")
async def agent(rt: RtInstance) -> AsyncIterator[Agent]:
    """Do and see what people do there: `agent("GET", "/asset/1")` gives the answer's JSON."""
    headers = {"Authorization": f"token {rt.administrator_token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client:

        async def do(method: str, path: str, body: Any = None, **query: str) -> Any:
            url = f"{rt.url}/REST/2.0{path}"
            answer = await client.request(method, url, json=body, params=query or None)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield do


@pytest.fixture
def fields(agent: Agent) -> Callable[[str], Awaitable[dict[str, list[str]]]]:
    """The custom fields of an asset by name, as Request Tracker itself tells them."""

    async def read(asset: str) -> dict[str, list[str]]:
        found = await agent("GET", f"/asset/{asset}")
        return {one["name"]: one["values"] for one in found["CustomFields"]}

    return read


_numbers = count(1)


@pytest.fixture
def customer() -> str:
    """An external id that no other test uses."""
    return f"cus_{next(_numbers)}"
