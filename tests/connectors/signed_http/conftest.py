"""A target process for all tests of the folder; every test has a customer of its own."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.signed_http.adapter import SignedHttpTarget
from sandbox.simulators.child import running_child

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def secret() -> str:
    """What both sides sign with."""
    return SECRET


@pytest.fixture(scope="session")
async def target_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state = tmp_path_factory.mktemp("target") / "state.sqlite"
    arguments = ("--state", str(state), "--secret", SECRET)
    async with running_child("sandbox.simulators.target", *arguments) as child:
        yield child.url


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., SignedHttpTarget]]:
    """Adapters of an address, closed after the test."""
    async with contextlib.AsyncExitStack() as stack:

        def make(
            url: str,
            *,
            secret: str = SECRET,
            transport: httpx.AsyncBaseTransport | None = None,
            **options: Any,
        ) -> SignedHttpTarget:
            config = ConnectionConfig(
                name="product",
                vendor="signed_http",
                base_url=url,
                secrets={"signing_secret": SecretStr(secret)},
                options=options,
                timeout_seconds=5,
            )
            adapter = SignedHttpTarget.connect(config, transport=transport)
            stack.push_async_callback(adapter.close)
            return adapter

        yield make


@pytest.fixture
def target(connect: Callable[..., SignedHttpTarget], target_url: str) -> SignedHttpTarget:
    return connect(target_url)


@pytest.fixture(scope="session")
async def control(target_url: str) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """The simulator's control API: `control("GET", "customers")` gives the answer's JSON."""
    async with httpx.AsyncClient(base_url=f"{target_url}/_sim/", trust_env=False) as client:

        async def do(method: str, path: str, body: Any = None) -> Any:
            answer = await client.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield do


@pytest.fixture
async def fault(
    control: Callable[..., Awaitable[Any]],
) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Arm a fault of the simulator; none outlives the test."""

    async def arm(**rule: Any) -> None:
        await control("POST", "faults", rule)

    yield arm
    await control("DELETE", "faults")


_numbers = count(1)


@pytest.fixture
def customer() -> str:
    """A customer id that no other test uses."""
    return f"cus_{next(_numbers)}"
