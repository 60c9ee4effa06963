"""Any life of a customer, told twice and in any order, ends in books that agree: billing's and the
ERP's own, read from the systems themselves, to the cent and document by document.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import agree
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import BOTH_ENTITIES, Front, whole_stack
from tests.harness.erp import erp_cache, erp_with_module
from tests.harness.random_lives import Life

__all__ = ["erp_cache", "erp_with_module"]

pytestmark = [
    pytest.mark.erp,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]

seeds = st.integers(0, 2**16 - 1)


@pytest.fixture(scope="module")
async def front(
    erp_with_module: ErpInstance, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("lives")
    async with whole_stack(erp_with_module, folder, BOTH_ENTITIES) as running:
        yield running


@pytest.fixture(scope="module")
async def shop(front: Front) -> Shop:
    return await Shop.open(front)


def some(examples: int) -> Callable[[Any], Any]:
    """An example takes many seconds, so a failure is reported as it was found."""
    return settings(
        max_examples=examples,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
    )


@some(1)
@given(seed=seeds)
@example(seed=2)
async def test_a_short_life_told_in_any_order(
    erp_with_module: ErpInstance, shop: Shop, seed: int
) -> None:
    await lived(erp_with_module, shop, seed, deeds=4)


@pytest.mark.long
@some(8)
@given(seed=seeds, deeds=st.integers(8, 20))
async def test_long_lives_told_in_any_order(
    erp_with_module: ErpInstance, shop: Shop, seed: int, deeds: int
) -> None:
    await lived(erp_with_module, shop, seed, deeds)


async def lived(erp: ErpInstance, shop: Shop, seed: int, deeds: int) -> None:
    """Several deeds are on their way at a time; looked at in the middle and at the end."""
    billing = shop.front.world.billing
    modes = {"duplicate": 1, "reorder": seed, "reorder_window_ms": 300}
    await billing.ask("POST", "/_sim/deliveries", json=modes)
    try:
        life = await Life.begin(shop, seed)
        for count in range(deeds):
            await life.go_on()
            if count in (deeds // 2, deeds - 1):
                await _agreed(erp, life)
    finally:
        await billing.ask("POST", "/_sim/deliveries", json={})


async def _agreed(erp: ErpInstance, life: Life) -> None:
    await life.buyer.changes()
    try:
        await agree(erp, life.buyer)
    except AssertionError as wrong:
        asked = [question["message"] for question in await life.buyer.questions()]
        raise AssertionError(f"{wrong}\n{life.told}\n{asked}") from None
