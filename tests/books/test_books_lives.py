"""Whatever happens to a customer at billing, both systems say the same to the cent each time that
all has settled.

The judge is billing and the ERP, each read by itself. More lives, or others:
`TRUEUP_LIVES=100:140 make test-slow`.
"""

import os

import pytest

from sandbox.erp.instance import ErpInstance
from tests.books.test_books_reconciliation import found_of, reconciled
from tests.harness.both_sides import agree
from tests.harness.buyers import Shop
from tests.harness.random_lives import Life

_FIRST, _, _END = os.environ.get("TRUEUP_LIVES", "0:12").partition(":")
_TURNS = 9

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("seed", range(int(_FIRST), int(_END)))
async def test_the_books_agree_all_life_long(erp: ErpInstance, shop: Shop, seed: int) -> None:
    life = await Life.begin(shop, seed)
    for _ in range(_TURNS):
        await life.buyer.changes()
        try:
            await agree(erp, life.buyer)
        except AssertionError as different:
            asked = [question["message"] for question in await life.buyer.questions()]
            raise AssertionError(f"{different}\n{life.told}\n{asked}") from None
        await life.go_on()
    # What is right is no difference, neither on the account nor in any month.
    await life.buyer.changes()
    await reconciled(life.buyer)
    told = [
        one
        for one in await found_of(life.buyer)
        if one["about"] in {"receivable", "revenue"} and one["cause"] not in {"in_flight", "asked"}
    ]
    assert told == [], life.told
