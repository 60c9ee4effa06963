"""One stack of real processes for all end-to-end tests; every test has a customer of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from demo.world import catalogue, price
from runtime.erp.instance import ErpInstance
from tests.harness.e2e_stack import Front, whole_stack
from tests.harness.erp import erp, erp_cache

__all__ = ["erp", "erp_cache"]


@dataclass(frozen=True)
class Shop:
    """Price ids of what is sold, all mapped to ERP items."""

    starter: str
    pro: str
    add_on: str


@pytest.fixture(scope="session")
async def front(erp: ErpInstance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with whole_stack(erp, tmp_path_factory.mktemp("e2e")) as running:
        yield running


@pytest.fixture(scope="session")
async def shop(front: Front) -> Shop:
    world = front.world
    plans = await catalogue(world)
    product = (await world.billing.make("products", name="AI assistant"))["id"]
    await world.trueup.map(
        item={
            "item": product,
            "erp_item": "AI-ADDON",
            "included": ["assistant"],
            "per_unit": [],
        }
    )
    return Shop(plans["Starter"], plans["Pro"], await price(world, product, 900))
