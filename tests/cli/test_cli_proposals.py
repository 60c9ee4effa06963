"""How a change that somebody thinks of is typed."""

import pytest

from canonical_models.commerce import SubscriptionItem
from canonical_models.proposal import ProposedItem
from cli.proposals import added, changed
from operations.errors import Invalid
from tests.harness.subscriptions import item

ONE = (item("pro", 5),)
TWO = (*ONE, item("ai", 1, key="si_2"))


def proposed(
    own: tuple[SubscriptionItem, ...],
    *,
    quantity: tuple[str, ...] = (),
    price: tuple[str, ...] = (),
) -> list[ProposedItem]:
    return list(changed(own, list(quantity), list(price)))


def test_of_one_item_nobody_need_say_which() -> None:
    assert proposed(ONE, quantity=("7",), price=("price_x",)) == [
        ProposedItem(item_id="si_1", price="price_x", quantity=7)
    ]


def test_of_several_each_is_named() -> None:
    assert proposed(TWO, quantity=("si_2=0",), price=("si_1=price_x",)) == [
        ProposedItem(item_id="si_2", quantity=0),
        ProposedItem(item_id="si_1", price="price_x"),
    ]
    with pytest.raises(Invalid, match=r"si_1 \(pro\), si_2 \(ai\)"):
        proposed(TWO, quantity=("7",))


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "", "²", "9" * 10])
def test_what_is_no_quantity_is_refused(given: str) -> None:
    with pytest.raises(Invalid, match="is no quantity"):
        proposed(ONE, quantity=(f"si_1={given}",))


def test_one_more_is_a_price_and_how_many() -> None:
    assert added("price_x=3") == ProposedItem(price="price_x", quantity=3)
    assert added("price_x") == ProposedItem(price="price_x")
    with pytest.raises(Invalid):
        added("price_x=many")
