"""One stack of real processes for all end-to-end tests; every test has a customer of its own.

Its ERP is Tryton as it comes, without the optional module.
"""

from collections.abc import AsyncIterator

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import Front, whole_stack
from tests.harness.erp import erp, erp_cache

__all__ = ["erp", "erp_cache"]


@pytest.fixture(scope="session")
async def front(erp: ErpInstance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with whole_stack(erp, tmp_path_factory.mktemp("e2e")) as running:
        yield running


@pytest.fixture(scope="session")
async def shop(front: Front) -> Shop:
    return await Shop.open(front)
