"""Simulator processes for all tests of the folder; every test has organisations of its own."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.zendesk.adapter import ZendeskTicketing
from sandbox.simulators.child import running_child

TOKEN = "t0ken"


@pytest.fixture(scope="session")
async def zendesk_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state = tmp_path_factory.mktemp("zendesk") / "state.sqlite"
    arguments = ("--state", str(state), "--token", TOKEN)
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        yield child.url


@pytest.fixture(scope="module")
async def strict_zendesk_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """An account that drops fields which nobody defined, as Zendesk does."""
    state = tmp_path_factory.mktemp("strict") / "state.sqlite"
    arguments = ("--state", str(state), "--token", TOKEN, "--strict-fields")
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        yield child.url


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., ZendeskTicketing]]:
    """Adapters of an address, closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        def make(
            url: str,
            *,
            token: str = TOKEN,
            name: str = "support",
            transport: httpx.AsyncBaseTransport | None = None,
            **options: Any,
        ) -> ZendeskTicketing:
            config = ConnectionConfig(
                name=name,
                vendor="zendesk",
                base_url=url,
                secrets={"token": SecretStr(token)},
                options={"email": "sync@example.com", **options},
                timeout_seconds=5,
            )
            adapter = ZendeskTicketing.connect(config, transport=transport)
            stack.push_async_callback(adapter.close)
            return adapter

        yield make


@pytest.fixture
def support(connect: Callable[..., ZendeskTicketing], zendesk_url: str) -> ZendeskTicketing:
    return connect(zendesk_url)


@pytest.fixture(scope="session")
async def agent() -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Do what people do in Zendesk: `agent("POST", url + path, body)` gives the answer's JSON."""
    credentials = ("agent@example.com/token", TOKEN)
    async with httpx.AsyncClient(auth=credentials, trust_env=False) as client:

        async def do(method: str, url: str, body: Any = None) -> Any:
            answer = await client.request(method, url, json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield do


_numbers = count(1)


@pytest.fixture(scope="session")
def organization(
    agent: Callable[..., Awaitable[Any]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Make an organisation with an external id that no other test uses."""

    async def make(url: str, **attributes: Any) -> dict[str, Any]:
        number = next(_numbers)
        wanted = {"name": f"Company {number}", "external_id": f"cus_{number}", **attributes}
        answer = await agent("POST", f"{url}/api/v2/organizations", {"organization": wanted})
        made: dict[str, Any] = answer["organization"]
        return made

    return make


@pytest.fixture
async def fault(
    agent: Callable[..., Awaitable[Any]], zendesk_url: str
) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Arm a fault of the simulator; none outlives the test."""

    async def arm(**rule: Any) -> None:
        await agent("POST", f"{zendesk_url}/_sim/faults", rule)

    yield arm
    await agent("DELETE", f"{zendesk_url}/_sim/faults")
