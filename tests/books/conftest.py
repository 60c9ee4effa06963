"""One stack of real processes for all tests of the books; every test has a customer of its own.

Its ERP has the optional module, so that documents keep billing's number and date in the one legal
entity; the other does without.
"""

from collections.abc import AsyncIterator

import pytest

from sandbox.erp.instance import ErpInstance
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import BOTH_ENTITIES, Front, whole_stack
from tests.harness.erp import erp_cache, erp_with_module

__all__ = ["erp_cache", "erp_with_module"]

#: An account under billing's own, of a tenant of its own; nobody else buys there.
BRANCH = "acct_branch"


@pytest.fixture(scope="session")
async def erp(erp_with_module: ErpInstance) -> ErpInstance:
    return erp_with_module


@pytest.fixture(scope="session")
async def front(erp: ErpInstance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("books")
    async with whole_stack(erp, folder, BOTH_ENTITIES, connected={BRANCH: "branch"}) as running:
        yield running


@pytest.fixture(scope="session")
async def shop(front: Front) -> Shop:
    return await Shop.open(front)
