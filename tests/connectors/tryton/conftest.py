"""The adapter, connected to a real Tryton."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp
from runtime.erp.instance import ErpInstance
from tests.harness.erp import erp, erp_cache

__all__ = ["erp", "erp_cache"]


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
