"""What a preview says of a change of any customer is what its saga plans when billing really makes
it, and what then stands in the ERP, at the product and in support."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.both_sides import Sides, agree, sides_of
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import BOTH_ENTITIES, whole_stack
from tests.harness.erp import erp_cache, erp_with_module
from tests.harness.random_lives import Life, drawn_change, make_change

__all__ = ["erp_cache", "erp_with_module"]

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(900)]

PRORATING = {"always_invoice": "at_once", "create_prorations": "next_invoice", "none": "none"}


@pytest.fixture(scope="module")
async def shop(
    erp_with_module: ErpInstance, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("previews")
    async with whole_stack(erp_with_module, folder, BOTH_ENTITIES) as running:
        yield await Shop.open(running)


@pytest.mark.parametrize("seed", [12, pytest.param(14, marks=pytest.mark.long)])
async def test_what_is_foreseen_is_planned_and_done(
    erp_with_module: ErpInstance, shop: Shop, seed: int
) -> None:
    life = await Life.begin(shop, seed)
    await life.buyer.pass_(3)
    await life.buyer.changes()
    # The first one is billed at once, so that something is posted.
    posted = await _as_foreseen(erp_with_module, life, "always_invoice")
    assert posted
    for _ in range(2):
        await life.go_on()
        await life.buyer.changes()
        await _as_foreseen(erp_with_module, life)
    await agree(erp_with_module, life.buyer)


async def _as_foreseen(erp: ErpInstance, life: Life, prorated: str | None = None) -> int:
    """A drawn change, foreseen and made; how many documents it posted."""
    trueup, of = life.shop.front.world.trueup, life.sold["id"]
    behaviour, fields = await drawn_change(life)
    behaviour = prorated or behaviour
    items = [{"item_id": fields["id"], **{k: v for k, v in fields.items() if k != "id"}}]
    asked = {"subscription_id": of, "items": items, "prorating": PRORATING[behaviour]}
    before, known = await sides_of(erp, life.buyer), await trueup.changes(of)
    foreseen = await trueup.ask("POST", "/v1/amendments/preview", json=asked)
    assert await sides_of(erp, life.buyer) == before
    assert foreseen["comes"] in ("goes_through", "needs_approval"), (foreseen["why"], life.told)

    await make_change(life, behaviour, fields)
    life.told.append(f"foreseen {behaviour} {fields}")
    await life.buyer.changes()
    after = await sides_of(erp, life.buyer)
    planned = [
        (await trueup.ask("GET", f"/v1/changes/{one['change_id']}"))["terms"]
        for one in await trueup.changes(of)
        if one["change_id"] not in {each["change_id"] for each in known}
    ]
    assert foreseen["terms"] in planned, (foreseen, planned, life.told)
    if foreseen["comes"] == "goes_through":
        _posted(foreseen["documents"], before, after)
        assert (
            await life.shop.front.world.product.features(life.buyer.customer)
            == (foreseen["features"])
        )
        assert (await life.buyer.shown())[0] == foreseen["tier"]
    return len(foreseen["documents"])


def _posted(foreseen: list[Row], before: Sides, after: Sides) -> None:
    """What the ERP holds more than before is what was foreseen, to the cent."""
    made = [paper for number, paper in after.papers.items() if number not in before.papers]
    assert sorted(_figures(one) for one in foreseen) == sorted(
        (paper.total, sum(after.tax(paper).values(), Decimal(0))) for paper in made
    )


def _figures(document: Row) -> tuple[Decimal, Decimal]:
    return _amount(document["gross"]), _amount(document["tax"])


def _amount(money: dict[str, Any]) -> Decimal:
    digits = {"JPY": 0, "KWD": 3}.get(money["currency"], 2)
    return Decimal(money["minor"]).scaleb(-digits)
