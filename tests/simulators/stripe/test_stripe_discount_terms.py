"""How long discounts last: once, for some months, and when what they were on has ended."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Json,
    Shop,
    Timeline,
    at,
    draft_invoice,
    event_types,
    last_event,
    make_timeline,
    percent,
    plain,
    sent_invoice,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def sell(
    api: stripe.StripeClient, timeline: Timeline, items: list[Any], coupon: str, **more: Any
) -> stripe.Subscription:
    form: Any = {
        "customer": timeline.customer,
        "items": items,
        "discounts": [{"coupon": coupon}],
        **more,
    }
    return api.v1.subscriptions.create(form)


def newest(api: stripe.StripeClient, sold: str) -> Json:
    return plain(api.v1.invoices.list({"subscription": sold, "limit": 1}).data[0])


def test_once_is_for_the_first_invoice(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    before = last_event(api)["id"]
    sold = sell(api, timeline, [{"price": shop.basic}], percent(api, 50, "once"))
    kinds = event_types(api, before)
    assert kinds.count("customer.discount.created") == 1
    assert kinds.count("customer.discount.deleted") == 1
    assert plain(sold)["discounts"] == []
    first = newest(api, sold.id)
    assert (first["total"], len(first["discounts"])) == (500, 1)
    path = ["discounts", "discounts.source.coupon"]
    [used] = plain(api.v1.invoices.retrieve(first["id"], {"expand": path}))["discounts"]
    assert (used["source"]["coupon"]["percent_off"], used["subscription"]) == (50, sold.id)
    timeline.advance(at(2026, 12, 2))
    assert newest(api, sold.id)["total"] == 1000


def test_once_waits_for_an_invoice_that_costs_something(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    key = percent(api, 50, "once")
    sold = sell(api, timeline, [{"price": shop.basic}], key, trial_period_days=14)
    assert newest(api, sold.id)["total"] == 0
    assert len(plain(api.v1.subscriptions.retrieve(sold.id))["discounts"]) == 1
    timeline.advance(at(2026, 11, 16))
    assert newest(api, sold.id)["total"] == 500
    assert plain(api.v1.subscriptions.retrieve(sold.id))["discounts"] == []
    timeline.advance(at(2026, 12, 16))
    assert newest(api, sold.id)["total"] == 1000


def test_repeating_ends_after_its_months(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    key = percent(api, 20, "repeating", duration_in_months=3)
    sold = sell(api, timeline, [{"price": shop.basic}], key)
    [discount] = plain(api.v1.subscriptions.retrieve(sold.id, {"expand": ["discounts"]}))[
        "discounts"
    ]
    assert (discount["start"], discount["end"]) == (at(2026, 11, 1), at(2027, 2, 1))
    timeline.advance(at(2027, 1, 31))
    before = last_event(api)["id"]
    timeline.advance(at(2027, 3, 2))
    found = api.v1.invoices.list({"subscription": sold.id}).data
    assert [invoice.total for invoice in found] == [1000, 1000, 800, 800, 800]
    kinds = event_types(api, before)
    assert kinds.index("customer.discount.deleted") < kinds.index("invoice.created")
    assert plain(api.v1.subscriptions.retrieve(sold.id))["discounts"] == []
    gone = last_event(api, "customer.discount.deleted")["data"]["object"]
    assert gone["id"] == discount["id"]


def test_a_customers_once_is_used_by_a_standalone_invoice(
    sim: Child, api: stripe.StripeClient, timeline: Timeline
) -> None:
    path = f"/customers/{timeline.customer}/discount"
    sim.control("POST", path, {"coupon": percent(api, 10, "once")})
    draft = draft_invoice(api, timeline.customer, 500)
    assert api.v1.customers.retrieve(timeline.customer).discount is not None
    assert api.v1.invoices.finalize_invoice(draft).total == 450
    assert api.v1.customers.retrieve(timeline.customer).discount is None
    assert sent_invoice(api, timeline.customer, 500).total == 500


def test_a_discount_of_an_ended_subscription_ends_quietly(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    key = percent(api, 20, "repeating", duration_in_months=1)
    sold = sell(api, timeline, [{"price": shop.basic}], key)
    api.v1.subscriptions.cancel(sold.id)
    before = last_event(api)["id"]
    timeline.advance(at(2027, 1, 1))
    assert {kind.partition(".")[0] for kind in event_types(api, before)} == {"test_helpers"}
    assert len(plain(api.v1.subscriptions.retrieve(sold.id))["discounts"]) == 1


def test_a_customers_once_that_a_subscription_names_is_used_up_for_both(
    sim: Child, api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    path = f"/customers/{timeline.customer}/discount"
    given = sim.control("POST", path, {"coupon": percent(api, 50, "once")})
    sold = api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": shop.basic}],
            "discounts": [{"discount": given["id"]}],
        }
    )
    assert newest(api, sold.id)["total"] == 500
    assert plain(api.v1.subscriptions.retrieve(sold.id))["discounts"] == []
    assert api.v1.customers.retrieve(timeline.customer).discount is None
    timeline.advance(at(2026, 12, 2))
    assert newest(api, sold.id)["total"] == 1000


def test_a_discount_of_a_deleted_customer_ends_quietly(
    sim: Child, api: stripe.StripeClient, timeline: Timeline
) -> None:
    path = f"/customers/{timeline.customer}/discount"
    key = percent(api, 50, "repeating", duration_in_months=1)
    sim.control("POST", path, {"coupon": key})
    api.v1.customers.delete(timeline.customer)
    before = last_event(api)["id"]
    timeline.advance(at(2027, 1, 1))
    assert {kind.partition(".")[0] for kind in event_types(api, before)} == {"test_helpers"}
