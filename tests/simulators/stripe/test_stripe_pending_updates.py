"""A change that is only made once it is paid for."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    at,
    event_types,
    last_event,
    make_timeline,
)

NOVEMBER = at(2026, 11, 1)
HALF = NOVEMBER + 15 * 86_400


def asked(sold: stripe.Subscription, price: str) -> Any:
    return {
        "items": [{"id": sold["items"].data[0].id, "price": price}],
        "payment_behavior": "pending_if_incomplete",
        "proration_behavior": "always_invoice",
    }


def price_of(found: stripe.Subscription) -> str:
    price: str = found["items"].data[0].price.id
    return price


def test_it_waits_for_its_payment(sim: Child, api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    sold = api.v1.subscriptions.create(
        {"customer": time.customer, "items": [{"price": shop.basic}]}
    )
    time.advance(HALF)
    sim.control("POST", f"/customers/{time.customer}/payment", {"outcome": "fail"})
    found = api.v1.subscriptions.update(sold.id, asked(sold, shop.pro))
    assert (price_of(found), found.status) == (shop.basic, "active")
    assert found.pending_update is not None
    waiting = found.pending_update.subscription_items
    assert [item.price.id for item in waiting or ()] == [shop.pro]
    invoice = api.v1.invoices.retrieve(str(found.latest_invoice))
    assert (invoice.status, invoice.total) == ("open", 750)

    since = last_event(api)["id"]
    sim.control("POST", f"/customers/{time.customer}/payment", {"outcome": "succeed"})
    api.v1.invoices.pay(invoice.id)
    found = api.v1.subscriptions.retrieve(sold.id)
    assert (price_of(found), found.pending_update) == (shop.pro, None)
    assert "customer.subscription.pending_update_applied" in event_types(api, since)
    # What is credited later is what was paid for the new price.
    ended = api.v1.subscriptions.cancel(sold.id, {"prorate": True, "invoice_now": True})
    assert api.v1.invoices.retrieve(str(ended.latest_invoice)).total == -1250


def test_it_lapses_with_its_invoice(sim: Child, api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    sold = api.v1.subscriptions.create(
        {"customer": time.customer, "items": [{"price": shop.basic}]}
    )
    time.advance(HALF)
    sim.control("POST", f"/customers/{time.customer}/payment", {"outcome": "fail"})
    found = api.v1.subscriptions.update(sold.id, asked(sold, shop.pro))
    time.advance(HALF + 24 * 3600)
    assert api.v1.invoices.retrieve(str(found.latest_invoice)).status == "void"
    found = api.v1.subscriptions.retrieve(sold.id)
    assert (price_of(found), found.pending_update, found.status) == (shop.basic, None, "active")


def test_what_is_paid_at_once_waits_for_nothing(api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    sold = api.v1.subscriptions.create(
        {"customer": time.customer, "items": [{"price": shop.basic}]}
    )
    time.advance(HALF)
    found = api.v1.subscriptions.update(sold.id, asked(sold, shop.pro))
    assert (price_of(found), found.pending_update) == (shop.pro, None)
    with pytest.raises(stripe.InvalidRequestError, match="metadata can't be passed"):
        api.v1.subscriptions.update(sold.id, asked(sold, shop.basic) | {"metadata": {"a": "b"}})
