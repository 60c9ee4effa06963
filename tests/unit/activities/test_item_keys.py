"""Which item mappings a change needs: of what is billed, of what was and is sold, and of what a
person has held access back to, though it is sold no more."""

from activities.preparing import item_keys
from canonical_models.mapping import DEFAULT_ITEM
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription

PRO, STARTER, AI = item("pro"), item("starter", 1, 1000), item("ai", 1, 500, key="si_2")
KEYS = {"pro": {"pro", "price_pro_4000"}, "starter": {"starter", "price_starter_1000"}}


def test_what_is_sold_is_needed_by_product_and_price() -> None:
    sold = subscription(PRO)
    assert item_keys(snapshot(sold), sold, None) == KEYS["pro"]


def test_what_access_is_held_back_to_is_needed_beside_what_is_sold() -> None:
    """After an abort billing sells `pro` on, and `starter` is what may be used."""
    sold = subscription(PRO)
    entitled = sold.model_copy(update={"items": (STARTER,)})
    assert item_keys(snapshot(sold), entitled, None) == KEYS["pro"] | KEYS["starter"]


def test_what_was_agreed_before_is_needed_to_go_back_to_it() -> None:
    sold = subscription(PRO)
    assert item_keys(snapshot(sold), sold, subscription(STARTER)) == KEYS["pro"] | KEYS["starter"]


def test_lines_are_needed_by_all_that_may_name_them_whether_billed_or_pending() -> None:
    sold = subscription(PRO)
    billed = line("il_1", 700, "ai", item_id="si_2").model_copy(
        update={"price": "price_ai_500", "metadata": {"sku": "a1", "": "no name", "empty": ""}}
    )
    pending = line("ii_1", 300, "setup")
    found = item_keys(snapshot(sold, invoice(billed), pending=(pending,)), sold, None)
    of_lines = {"price_ai_500", "sku=a1", "ai", "setup", DEFAULT_ITEM}
    assert found == KEYS["pro"] | of_lines


def test_of_nothing_no_mapping_is_needed() -> None:
    nothing = subscription()
    assert item_keys(snapshot(nothing), nothing, None) == set()
    assert item_keys(snapshot(nothing), nothing, subscription(AI)) == {"ai", "price_ai_500"}
