"""Coupons: made, limited, used up and deleted."""

from typing import Any

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    Timeline,
    at,
    make_timeline,
    percent,
    plain,
    refusal,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def sell(
    api: stripe.StripeClient, timeline: Timeline, price: str, coupon: str
) -> stripe.Subscription:
    return api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": price}],
            "discounts": [{"coupon": coupon}],
        }
    )


def test_redemptions_are_counted_and_limited(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    key = percent(api, 10, max_redemptions=1)
    assert api.v1.coupons.retrieve(key).valid
    sell(api, timeline, shop.basic, key)
    used = api.v1.coupons.retrieve(key)
    assert (used.times_redeemed, used.valid) == (1, False)
    form: Any = {
        "customer": timeline.customer,
        "items": [{"price": shop.basic}],
        "discounts": [{"coupon": key}],
    }
    error = refusal(api.v1.subscriptions.create, form)
    assert (error.code, error.param) == ("coupon_expired", "discounts[0][coupon]")
    late = percent(api, 10, redeem_by=at(2026, 10, 1))
    error = refusal(api.v1.subscriptions.create, {**form, "discounts": [{"coupon": late}]})
    assert error.code == "coupon_expired"


def test_a_deleted_coupon_goes_on_discounting(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    key = percent(api, 10)
    sold = sell(api, timeline, shop.basic, key)
    assert api.v1.coupons.delete(key).deleted
    assert refusal(api.v1.coupons.retrieve, key).http_status == 404
    assert key not in [one.id for one in api.v1.coupons.list({"limit": 100}).data]
    timeline.advance(at(2026, 12, 2))
    assert api.v1.invoices.list({"subscription": sold.id}).data[0].total == 900
    path = ["discounts.source.coupon"]
    [shown] = plain(api.v1.subscriptions.retrieve(sold.id, {"expand": ["discounts", *path]}))[
        "discounts"
    ]
    assert (shown["source"]["coupon"]["id"], shown["source"]["coupon"]["valid"]) == (key, False)
    form: Any = {"discounts": [{"coupon": key}]}
    assert refusal(api.v1.subscriptions.update, sold.id, form).code == "resource_missing"


def test_coupons_are_named_and_listed(api: stripe.StripeClient) -> None:
    key = f"WELCOME-{len(api.v1.coupons.list({'limit': 100}).data)}"
    made = api.v1.coupons.create(
        {"id": key, "percent_off": 25.5, "name": "Welcome", "metadata": {"by": "sales"}}
    )
    assert (made.id, made.duration, made.percent_off, made.amount_off) == (key, "once", 25.5, None)
    changed = api.v1.coupons.update(key, {"name": "Hello", "metadata": {"by": ""}})
    assert (changed.name, plain(changed)["metadata"]) == ("Hello", {})
    assert api.v1.coupons.list({"limit": 1}).data[0].id == key
    again: Any = {"id": key, "percent_off": 1}
    assert refusal(api.v1.coupons.create, again).code == "resource_already_exists"


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({}, "percent_off"),
        ({"percent_off": 10, "amount_off": 5, "currency": "eur"}, "percent_off"),
        ({"percent_off": 0}, "percent_off"),
        ({"percent_off": 100.5}, "percent_off"),
        ({"amount_off": 5}, "currency"),
        ({"amount_off": -5, "currency": "eur"}, "amount_off"),
        ({"percent_off": 5, "currency": "eur"}, "currency"),
        ({"percent_off": 5, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 5, "duration_in_months": 2}, "duration_in_months"),
        ({"percent_off": 5, "duration": "always"}, "duration"),
        ({"percent_off": 5, "applies_to": {"products": ["prod_none"]}}, "applies_to[products]"),
        ({"percent_off": 5, "name": "n" * 41}, "name"),
    ],
)
def test_bad_coupons_are_refused(api: stripe.StripeClient, form: Any, param: str) -> None:
    error = refusal(api.v1.coupons.create, form)
    assert (error.http_status, error.param) == (400, param)


def test_a_fixed_amount_in_another_currency_is_refused(
    sim: Child, api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    dollars = api.v1.coupons.create({"amount_off": 100, "currency": "usd"}).id
    form: Any = {
        "customer": timeline.customer,
        "items": [{"price": shop.basic}],
        "discounts": [{"coupon": dollars}],
    }
    error = refusal(api.v1.subscriptions.create, form)
    assert error.param == "discounts[0][coupon]"
    assert api.v1.coupons.retrieve(dollars).times_redeemed == 0
    strange: Any = {**form, "discounts": [{"discount": "di_none"}]}
    assert refusal(api.v1.subscriptions.create, strange).param == "discounts[0][discount]"
    path = f"{sim.url}/_sim/customers/{timeline.customer}/discount"
    assert httpx.post(path, json={"coupon": "none"}, trust_env=False).status_code == 400
