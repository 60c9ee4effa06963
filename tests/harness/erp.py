"""The real ERP, seeded, for a whole test session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.choices import cache
from runtime.erp.instance import ErpInstance
from runtime.erp.server import DEFAULT_VENV, TrytonServer


@pytest.fixture(scope="session")
def erp_cache() -> Path:
    """Where the seeded database is kept between runs: creating it takes 40 seconds."""
    if not (DEFAULT_VENV / "bin" / "trytond").exists():
        pytest.skip(f"the ERP environment {DEFAULT_VENV} is not installed")
    return cache()


@pytest.fixture(scope="session")
async def erp(
    erp_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ErpInstance]:
    async with TrytonServer(tmp_path_factory.mktemp("erp"), cache=erp_cache) as instance:
        yield instance
