"""The adapter, connected to a real Tryton, its books as an oracle, and its own people."""

from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc
from tests.connectors.tryton.drafts import People
from tests.harness.erp import Books, books_of, erp, erp_cache, erp_with_module

__all__ = ["erp", "erp_cache", "erp_with_module"]

Connect = Callable[..., TrytonErp]


def config(erp: ErpInstance, url: str | None = None) -> ConnectionConfig:
    return ConnectionConfig(
        name="tryton",
        vendor="tryton",
        base_url=url or erp.url,
        secrets={
            "api_key": SecretStr(erp.api_key),
            "password": SecretStr(erp.credentials.api_password),
        },
        options={"database": erp.database, "login": erp.credentials.api_login},
        timeout_seconds=60,
    )


@pytest.fixture
async def books(erp: ErpInstance) -> AsyncIterator[TrytonErp]:
    adapter = TrytonErp.connect(config(erp))
    yield adapter
    await adapter.close()


@pytest.fixture
async def books_with_module(erp_with_module: ErpInstance) -> AsyncIterator[TrytonErp]:
    adapter = TrytonErp.connect(config(erp_with_module))
    yield adapter
    await adapter.close()


@pytest.fixture
async def connect(erp: ErpInstance) -> AsyncIterator[Connect]:
    """Makes further adapters, as other workers have; `url` goes through something else."""
    made: list[TrytonErp] = []

    def make(url: str | None = None) -> TrytonErp:
        made.append(TrytonErp.connect(config(erp, url)))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.close()


@pytest.fixture
async def ledger(erp: ErpInstance) -> AsyncIterator[Books]:
    """What is booked, as the administrator reads it."""
    async with books_of(erp) as reader:
        yield reader


@pytest.fixture
async def people(erp: ErpInstance) -> AsyncIterator[People]:
    who = erp.credentials
    async with TrytonRpc(erp.url, erp.database, who.admin_login, who.admin_password) as rpc:
        yield People(erp, rpc)
