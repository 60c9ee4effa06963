"""Coupons and discounts on customers, subscriptions, items and invoices, through the SDK."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Json,
    Shop,
    Timeline,
    at,
    euros,
    event_types,
    last_event,
    make_timeline,
    new_rate,
    percent,
    plain,
    refusal,
    sent_invoice,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def sell(
    api: stripe.StripeClient, timeline: Timeline, items: list[Any], *coupons: str, **more: Any
) -> stripe.Subscription:
    form: Any = {"customer": timeline.customer, "items": items, **more}
    if coupons:
        form["discounts"] = [{"coupon": key} for key in coupons]
    return api.v1.subscriptions.create(form)


def newest(api: stripe.StripeClient, sold: str) -> Json:
    return plain(api.v1.invoices.list({"subscription": sold, "limit": 1}).data[0])


def totals(invoice: Json) -> tuple[int, int, int]:
    """Subtotal, all discounts, and total without tax."""
    off = sum(one["amount"] for one in invoice["total_discount_amounts"])
    return invoice["subtotal"], off, invoice["total_excluding_tax"]


def cuts(invoice: Json) -> list[list[int]]:
    return [
        [one["amount"] for one in line["discount_amounts"]] for line in invoice["lines"]["data"]
    ]


def test_a_percentage_of_a_subscription(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    rate = new_rate(api)
    key = percent(api, 12.5)
    items = [{"price": shop.basic, "quantity": 3}, {"price": shop.pro}]
    sold = sell(api, timeline, items, key, default_tax_rates=[rate])
    invoice = newest(api, sold.id)
    assert totals(invoice) == (5500, 688, 4812)
    assert cuts(invoice) == [[375], [313]]
    [discount] = plain(sold)["discounts"]
    assert invoice["discounts"] == [discount]
    assert invoice["total_discount_amounts"] == [{"amount": 688, "discount": discount}]
    assert invoice["total_pretax_credit_amounts"][0]["discount"] == discount
    # Tax is on what is left of each line: 2625 and 2187.
    assert [line["taxes"][0]["amount"] for line in invoice["lines"]["data"]] == [499, 416]
    assert [line["taxes"][0]["taxable_amount"] for line in invoice["lines"]["data"]] == [2625, 2187]
    assert (invoice["total"], invoice["amount_due"]) == (5727, 5727)
    assert [line["amount"] for line in invoice["lines"]["data"]] == [3000, 2500]


def test_item_discounts_come_before_those_of_the_invoice(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    item = {"price": shop.basic, "discounts": [{"coupon": euros(api, 200)}]}
    sold = sell(api, timeline, [item, {"price": shop.pro}], percent(api, 10))
    invoice = newest(api, sold.id)
    # Item discounts are in the subtotal already.
    assert totals(invoice) == (3300, 530, 2970)
    assert cuts(invoice) == [[200, 80], [250]]
    first, second = invoice["lines"]["data"]
    own = plain(sold)["items"]["data"][0]["discounts"]
    assert (first["discounts"], second["discounts"]) == (own, [])
    assert (first["amount"], first["subtotal"], invoice["total"]) == (1000, 1000, 2970)


def test_discounts_take_turns(api: stripe.StripeClient, shop: Shop, timeline: Timeline) -> None:
    sold = sell(api, timeline, [{"price": shop.pro}], euros(api, 500), percent(api, 10))
    assert cuts(newest(api, sold.id)) == [[500, 200]]
    other = sell(api, timeline, [{"price": shop.pro}], percent(api, 10), euros(api, 500))
    assert cuts(newest(api, other.id)) == [[250, 500]]


def test_the_customers_discount_reaches_what_has_none_of_its_own(
    sim: Child, api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    before = last_event(api)["id"]
    path = f"/customers/{timeline.customer}/discount"
    given = sim.control("POST", path, {"coupon": percent(api, 10)})
    assert event_types(api, before) == [
        "coupon.created",
        "customer.updated",
        "customer.discount.created",
    ]
    shown = plain(api.v1.customers.retrieve(timeline.customer))["discount"]
    assert (shown["id"], shown["end"], shown["subscription"]) == (given["id"], None, None)
    assert newest(api, sell(api, timeline, [{"price": shop.basic}]).id)["total"] == 900
    own = sell(api, timeline, [{"price": shop.basic}], euros(api, 300))
    assert newest(api, own.id)["total"] == 700
    assert sent_invoice(api, timeline.customer, 500).total == 450
    assert sent_invoice(api, timeline.customer, 500, discounts="").total == 500
    before = last_event(api)["id"]
    other = sim.control("POST", path, {"coupon": percent(api, 20)})
    assert event_types(api, before)[1:] == ["customer.updated", "customer.discount.updated"]
    switched = last_event(api)["data"]
    assert switched["object"]["id"] == other["id"]
    assert switched["previous_attributes"]["id"] == given["id"]
    assert sent_invoice(api, timeline.customer, 500).total == 400
    before = last_event(api)["id"]
    assert api.v1.customers.delete_discount(timeline.customer).deleted
    assert event_types(api, before) == ["customer.discount.deleted", "customer.updated"]
    assert api.v1.customers.retrieve(timeline.customer).discount is None
    assert sent_invoice(api, timeline.customer, 500).total == 500
    assert refusal(api.v1.customers.delete_discount, timeline.customer).http_status == 404


def test_some_products_only(api: stripe.StripeClient, shop: Shop, timeline: Timeline) -> None:
    product = api.v1.products.create({"name": "Add-on"}).id
    price: Any = {"currency": "eur", "product": product, "unit_amount": 800}
    key = percent(api, 25, applies_to={"products": [product]})
    addon = {"price_data": {**price, "recurring": {"interval": "month"}}}
    sold = sell(api, timeline, [{"price": shop.basic}, addon], key)
    assert cuts(newest(api, sold.id)) == [[], [200]]
    shown = api.v1.coupons.retrieve(key, {"expand": ["applies_to"]})
    assert plain(shown)["applies_to"] == {"products": [product]}
    assert "applies_to" not in plain(api.v1.coupons.retrieve(key))


def test_a_pending_item_is_discounted_only_on_the_invoice(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    sold = sell(api, timeline, [{"price": shop.basic}], percent(api, 20))
    item = api.v1.invoice_items.create(
        {"customer": timeline.customer, "amount": 500, "currency": "eur"}
    )
    assert (item.amount, item.net_amount, item.discountable) == (500, None, True)
    timeline.advance(at(2026, 12, 1, 2))
    assert totals(newest(api, sold.id)) == (1500, 300, 1200)


def test_a_subscriptions_discounts_can_change(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    sold = sell(api, timeline, [{"price": shop.basic}], percent(api, 10))
    before = last_event(api)["id"]
    changed = api.v1.subscriptions.update(sold.id, {"discounts": [{"coupon": percent(api, 40)}]})
    assert len(plain(changed)["discounts"]) == 1
    assert event_types(api, before) == [
        "coupon.created",
        "customer.discount.deleted",
        "customer.discount.created",
        "customer.subscription.updated",
    ]
    previous = last_event(api)["data"]["previous_attributes"]
    assert previous["discounts"] == plain(sold)["discounts"]
    timeline.advance(at(2026, 12, 2))
    assert newest(api, sold.id)["total"] == 600
    api.v1.subscriptions.delete_discount(sold.id)
    timeline.advance(at(2027, 1, 2))
    assert newest(api, sold.id)["total"] == 1000


def test_an_items_discount_goes_with_the_item(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    item = {"price": shop.basic, "discounts": [{"coupon": percent(api, 10)}]}
    sold = sell(api, timeline, [item, {"price": shop.pro}])
    key = sold["items"].data[0].id
    before = last_event(api)["id"]
    api.v1.subscription_items.update(key, {"discounts": ""})
    assert "customer.discount.deleted" not in event_types(api, before)
    timeline.advance(at(2026, 12, 2))
    assert totals(newest(api, sold.id)) == (3500, 0, 3500)


def test_a_credit_note_gives_the_discount_back_in_proportion(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    item = {"price": shop.basic, "quantity": 4, "discounts": [{"coupon": euros(api, 400)}]}
    sold = sell(api, timeline, [item], percent(api, 10), default_tax_rates=[new_rate(api)])
    invoice = newest(api, sold.id)
    assert (invoice["subtotal"], invoice["total"]) == (3600, 3856)
    line: Any = {
        "type": "invoice_line_item",
        "invoice_line_item": invoice["lines"]["data"][0]["id"],
        "quantity": 1,
    }
    note = plain(
        api.v1.credit_notes.create(
            {"invoice": invoice["id"], "lines": [line], "refund_amount": 964}
        )
    )
    assert (note["subtotal"], note["discount_amount"], note["total"]) == (900, 190, 964)
    assert note["total_excluding_tax"] == 810
    assert [one["amount"] for one in note["discount_amounts"]] == [100, 90]
    [credited] = note["lines"]["data"]
    assert (credited["amount"], credited["discount_amount"]) == (1000, 190)
    rest: Any = {**line, "quantity": 3}
    api.v1.credit_notes.create(
        {"invoice": invoice["id"], "lines": [rest], "credit_amount": 3856 - 964}
    )
    assert api.v1.invoices.retrieve(invoice["id"]).post_payment_credit_notes_amount == 3856
