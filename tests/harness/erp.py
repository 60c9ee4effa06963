"""The real ERP, seeded, for a whole test session.

``erp`` is Tryton as it comes; ``erp_with_module`` has the optional module active. Both are session
fixtures: import those that are used, with ``erp_cache``. What is booked in either is read by
``async with books_of(erp) as books`` (a :class:`Books`).
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.choices import cache
from sandbox.erp.instance import ErpInstance
from sandbox.erp.server import DEFAULT_VENV, TrytonServer
from tests.harness.erp_books import Books, books_of

__all__ = ["Books", "books_of", "erp", "erp_cache", "erp_with_module"]


@pytest.fixture(scope="session")
def erp_cache() -> Path:
    """Where the seeded database is kept between runs: creating it takes half a minute."""
    if not (DEFAULT_VENV / "bin" / "trytond").exists():
        pytest.skip(f"the ERP environment {DEFAULT_VENV} is not installed")
    return cache()


@pytest.fixture(scope="session")
async def erp(
    erp_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ErpInstance]:
    async with TrytonServer(tmp_path_factory.mktemp("erp"), cache=erp_cache) as instance:
        yield instance


@pytest.fixture(scope="session")
async def erp_with_module(
    erp_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ErpInstance]:
    folder = tmp_path_factory.mktemp("erp-with-module")
    async with TrytonServer(folder, cache=erp_cache, module=True) as instance:
        yield instance
