"""Discounts on prorations, included in their amounts or itemized beside them."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Json,
    Shop,
    Timeline,
    at,
    make_timeline,
    new_rate,
    plain,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def coupon(api: stripe.StripeClient, **form: Any) -> Json:
    made: Any = {"duration": "forever", **form}
    return {"coupon": api.v1.coupons.create(made).id}


def sell(
    api: stripe.StripeClient, timeline: Timeline, display: str, item: Json, **more: Any
) -> str:
    form: Any = {
        "customer": timeline.customer,
        "items": [item],
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": display}},
        **more,
    }
    return api.v1.subscriptions.create(form).id


def upgrade(api: stripe.StripeClient, sold: str, price: str, **more: Any) -> None:
    item = api.v1.subscriptions.retrieve(sold)["items"].data[0].id
    form: Any = {"items": [{"id": item, "price": price}], **more}
    api.v1.subscriptions.update(sold, form)


def pending(api: stripe.StripeClient, owner: str) -> list[Json]:
    """The oldest first: the credit of what was, the debit of what is."""
    found = api.v1.invoice_items.list({"customer": owner, "pending": True}).data
    return [plain(item) for item in reversed(found)]


def newest(api: stripe.StripeClient, sold: str) -> Json:
    return plain(api.v1.invoices.list({"subscription": sold, "limit": 1}).data[0])


def shown(entry: Json) -> list[int]:
    return [one["amount"] for one in entry["proration_details"]["discount_amounts"]]


def both_levels(api: stripe.StripeClient, shop: Shop, timeline: Timeline, display: str) -> str:
    """A tenth off the item and a fifth off the rest; 720 of 1000 are left."""
    item = {"price": shop.basic, "discounts": [coupon(api, percent_off=10)]}
    sold = sell(
        api,
        timeline,
        display,
        item,
        discounts=[coupon(api, percent_off=20)],
        default_tax_rates=[new_rate(api)],
    )
    assert newest(api, sold)["total_excluding_tax"] == 720
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold, shop.pro)
    return sold


def test_included_amounts_are_net(api: stripe.StripeClient, shop: Shop, timeline: Timeline) -> None:
    sold = both_levels(api, shop, timeline, "included")
    credit, debit = pending(api, timeline.customer)
    assert (credit["amount"], credit["net_amount"]) == (-360, -360)
    assert (debit["amount"], debit["net_amount"]) == (900, 900)
    assert (shown(credit), shown(debit)) == ([0, 0], [0, 0])
    assert not debit["discountable"]
    timeline.advance(at(2026, 12, 1, 2))
    invoice = newest(api, sold)
    lines = {line["amount"]: line for line in invoice["lines"]["data"]}
    # Only the discount of the whole is named on a proration, and takes nothing more.
    assert [one["amount"] for one in lines[900]["discount_amounts"]] == [0]
    assert lines[900]["discount_amounts"][0]["discount"] in invoice["discounts"]
    assert lines[900]["pretax_credit_amounts"] == []
    assert lines[900]["taxes"][0]["taxable_amount"] == 900
    # 900 - 360 + 2500 less a tenth; a fifth of 2250 comes off the whole.
    assert (invoice["subtotal"], invoice["total_excluding_tax"]) == (2790, 2340)
    assert sum(one["amount"] for one in invoice["total_discount_amounts"]) == 700


def test_itemized_amounts_are_gross(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    sold = both_levels(api, shop, timeline, "itemized")
    credit, debit = pending(api, timeline.customer)
    assert (credit["amount"], credit["net_amount"], shown(credit)) == (-500, -360, [-50, -90])
    assert (debit["amount"], debit["net_amount"], shown(debit)) == (1250, 900, [125, 225])
    assert len(debit["discounts"]) == 1
    timeline.advance(at(2026, 12, 1, 2))
    invoice = newest(api, sold)
    lines = {line["amount"]: line for line in invoice["lines"]["data"]}
    assert [one["amount"] for one in lines[1250]["discount_amounts"]] == [125, 225]
    assert [one["amount"] for one in lines[-500]["discount_amounts"]] == [-50, -90]
    assert lines[1250]["taxes"][0]["taxable_amount"] == 900
    # Subtotal: (1250 - 125) - (500 - 50) + (2500 - 250); the fifths are in the discounts.
    assert (invoice["subtotal"], invoice["total_excluding_tax"]) == (2925, 2340)
    assert sum(one["amount"] for one in invoice["total_discount_amounts"]) == 910


def test_both_ways_come_to_the_same_money(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    first = both_levels(api, shop, timeline, "included")
    other = make_timeline(api, at(2026, 11, 1))
    second = both_levels(api, shop, other, "itemized")
    for time in (timeline, other):
        time.advance(at(2026, 12, 1, 2))
    assert newest(api, first)["total"] == newest(api, second)["total"] == 2785


@pytest.mark.parametrize("display", ["included", "itemized"])
def test_a_credit_takes_back_the_discount_that_was_given(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline, display: str
) -> None:
    once = coupon(api, percent_off=40, duration="once")
    sold = sell(api, timeline, display, {"price": shop.basic}, discounts=[once])
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold, shop.pro)
    credit, debit = pending(api, timeline.customer)
    # The coupon is used up: it is in the credit of what it reduced, and in nothing new.
    assert credit["net_amount"] == -300
    assert (debit["amount"], debit["net_amount"], shown(debit)) == (1250, 1250, [])


def test_a_fixed_amount_is_prorated_like_the_price(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    off = coupon(api, amount_off=300, currency="eur")
    sold = sell(api, timeline, "itemized", {"price": shop.basic}, discounts=[off])
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold, shop.pro)
    credit, debit = pending(api, timeline.customer)
    assert (credit["amount"], shown(credit)) == (-500, [-150])
    assert (debit["amount"], shown(debit)) == (1250, [150])


def test_back_and_forth_in_one_second_costs_nothing(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    for display in ("included", "itemized"):
        time = make_timeline(api, at(2026, 11, 1))
        off = coupon(api, percent_off=33.33)
        sold = sell(api, time, display, {"price": shop.basic, "quantity": 7}, discounts=[off])
        time.advance(at(2026, 11, 12, 7, 31, 5))
        upgrade(api, sold, shop.pro)
        upgrade(api, sold, shop.basic)
        assert sum(item["net_amount"] for item in pending(api, time.customer)) == 0


def test_billed_at_once(api: stripe.StripeClient, shop: Shop, timeline: Timeline) -> None:
    off = coupon(api, percent_off=20)
    sold = sell(api, timeline, "itemized", {"price": shop.basic}, discounts=[off])
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold, shop.pro, proration_behavior="always_invoice")
    invoice = newest(api, sold)
    assert (invoice["status"], invoice["total"], invoice["amount_paid"]) == ("paid", 600, 600)
    assert (invoice["subtotal"], len(invoice["lines"]["data"])) == (750, 2)
    credit, debit = invoice["lines"]["data"]
    credited = credit["parent"]["subscription_item_details"]["proration_details"]
    assert credited["credited_items"]["invoice"] != invoice["id"]
    assert [one["amount"] for one in debit["discount_amounts"]] == [250]


def test_an_edited_proration_keeps_its_rate_of_discount(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    both_levels(api, shop, timeline, "itemized")
    _, debit = pending(api, timeline.customer)
    halved = plain(api.v1.invoice_items.update(debit["id"], {"amount": 625}))
    assert (halved["net_amount"], shown(halved)) == (449, [63, 113])
    free = plain(api.v1.invoice_items.update(debit["id"], {"amount": 0}))
    assert (free["amount"], free["net_amount"], shown(free)) == (0, 0, [0, 0])
    renamed = plain(api.v1.invoice_items.update(debit["id"], {"description": "Free"}))
    assert (renamed["amount"], renamed["description"]) == (0, "Free")
    wrong: list[Any] = [{"discountable": True}, {"discounts": [coupon(api, percent_off=5)]}]
    for form in wrong:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            api.v1.invoice_items.update(debit["id"], form)
        assert refused.value.param == next(iter(form))


def test_a_classic_subscription_shows_net_amounts(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    form: Any = {
        "customer": timeline.customer,
        "items": [{"price": shop.basic}],
        "billing_mode": {"type": "classic"},
        "discounts": [coupon(api, percent_off=20)],
    }
    sold = api.v1.subscriptions.create(form)
    assert plain(sold)["billing_mode"]["flexible"] is None
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold.id, shop.pro)
    credit, debit = pending(api, timeline.customer)
    assert (credit["amount"], debit["amount"]) == (-400, 1000)
    assert (shown(credit), shown(debit)) == ([], [])


@pytest.mark.parametrize("display", ["included", "itemized"])
def test_a_first_stub_is_discounted_too(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline, display: str
) -> None:
    sold = sell(
        api,
        timeline,
        display,
        {"price": shop.basic},
        discounts=[coupon(api, percent_off=20)],
        billing_cycle_anchor=at(2026, 11, 16),
    )
    invoice = newest(api, sold)
    [line] = invoice["lines"]["data"]
    # The month that ends on 16 November has 31 days, of which 15 are left: 484, less a fifth.
    assert invoice["total"] == 387
    assert line["amount"] == (387 if display == "included" else 484)
    assert [one["amount"] for one in line["discount_amounts"]] == (
        [0] if display == "included" else [97]
    )


def test_the_display_is_migrated_one_way(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    assert plain(sold)["billing_mode"]["flexible"] == {"proration_discounts": "included"}
    mode: Any = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}
    changed = api.v1.subscriptions.migrate(sold.id, {"billing_mode": mode})
    assert plain(changed)["billing_mode"] == {**mode, "updated_at": at(2026, 11, 1)}
    wrong: list[Any] = [
        {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        {"type": "classic"},
    ]
    for form in wrong:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            api.v1.subscriptions.migrate(sold.id, {"billing_mode": form})
        assert refused.value.param == "billing_mode"


def test_the_customers_discount_counts_for_prorations(
    sim: Child, api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    path = f"/customers/{timeline.customer}/discount"
    sim.control("POST", path, coupon(api, percent_off=10))
    sold = sell(api, timeline, "itemized", {"price": shop.basic})
    timeline.advance(at(2026, 11, 16))
    upgrade(api, sold, shop.pro)
    assert [item["net_amount"] for item in pending(api, timeline.customer)] == [-450, 1125]
