"""Simulated time: renewals, month ends, dunning, pauses."""

import time

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, Shop, at, make_timeline, plain


def periods(api: stripe.StripeClient, subscription: str) -> list[tuple[int, int]]:
    invoices = api.v1.invoices.list({"subscription": subscription, "limit": 50}).data
    found = [invoice.lines.data[-1].period for invoice in reversed(invoices)]
    return [(period.start, period.end) for period in found]


def test_months_ends_are_right_over_a_leap_year(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2027, 12, 31, 12))
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    timeline.advance(at(2028, 4, 30, 13))
    assert [start for start, _ in periods(api, subscription.id)] == [
        at(2027, 12, 31, 12),
        at(2028, 1, 31, 12),
        at(2028, 2, 29, 12),
        at(2028, 3, 31, 12),
        at(2028, 4, 30, 12),
    ]
    ends = [end for _, end in periods(api, subscription.id)]
    assert ends[-1] == at(2028, 5, 31, 12)


def test_a_renewal_is_a_draft_for_an_hour(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    api.v1.invoice_items.create(
        {"customer": timeline.customer, "amount": 250, "currency": "eur", "description": "Extra"}
    )
    timeline.advance(at(2026, 12, 1))
    renewed = api.v1.subscriptions.retrieve(subscription.id)
    draft = api.v1.invoices.retrieve(str(renewed.latest_invoice))
    assert (draft.status, draft.billing_reason, draft.total) == (
        "draft",
        "subscription_cycle",
        1250,
    )
    assert draft.automatically_finalizes_at == at(2026, 12, 1, 1)
    assert draft.created == at(2026, 12, 1)
    event = api.v1.events.list({"type": "customer.subscription.updated", "limit": 1}).data[0]
    assert event.created == at(2026, 12, 1)
    assert set(plain(event)["data"]["previous_attributes"]) == {"items", "latest_invoice"}
    timeline.advance(at(2026, 12, 1, 1))
    assert api.v1.invoices.retrieve(draft.id).status == "paid"


def test_a_failed_renewal_is_retried_until_the_customer_can_pay(
    sim: Child, api: stripe.StripeClient, shop: Shop
) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "fail"})
    timeline.advance(at(2026, 12, 2))
    late = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert late.status == "past_due"
    invoice = late.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt == at(2026, 12, 4, 1)
    timeline.advance(at(2026, 12, 5))
    assert api.v1.invoices.retrieve(invoice.id).attempt_count == 2
    with pytest.raises(stripe.CardError):
        api.v1.invoices.pay(invoice.id)
    tried = api.v1.invoices.retrieve(invoice.id)
    assert (tried.attempt_count, tried.next_payment_attempt) == (2, at(2026, 12, 9, 1))
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "succeed"})
    assert api.v1.invoices.pay(invoice.id).status == "paid"
    assert api.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_first_payment_that_fails_leaves_it_incomplete(
    sim: Child, api: stripe.StripeClient, shop: Shop
) -> None:
    customer = api.v1.customers.create({"name": "Ada"}).id
    sim.control("POST", f"/customers/{customer}/payment", {"outcome": "fail"})
    with pytest.raises(stripe.CardError):
        api.v1.subscriptions.create(
            {
                "customer": customer,
                "items": [{"price": shop.basic}],
                "payment_behavior": "error_if_incomplete",
            }
        )
    assert not api.v1.subscriptions.list({"customer": customer, "status": "all"}).data
    subscription = api.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": shop.basic}]}
    )
    assert subscription.status == "incomplete"
    sim.control("POST", f"/customers/{customer}/payment", {"outcome": "succeed"})
    api.v1.invoices.pay(str(subscription.latest_invoice))
    assert api.v1.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
def test_a_paused_collection_makes_no_claims(
    api: stripe.StripeClient, shop: Shop, behavior: str, status: str
) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    api.v1.subscriptions.update(
        subscription.id,
        {"pause_collection": {"behavior": behavior, "resumes_at": at(2026, 12, 20)}},
    )
    timeline.advance(at(2026, 12, 2))
    paused = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert isinstance(paused.latest_invoice, stripe.Invoice)
    assert paused.latest_invoice.status == status
    timeline.advance(at(2027, 1, 2))
    resumed = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert resumed.pause_collection is None
    assert isinstance(resumed.latest_invoice, stripe.Invoice)
    assert resumed.latest_invoice.status == "paid"


def test_cancel_at_a_date_credits_the_rest(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    subscription = api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": shop.basic, "quantity": 3}],
            "cancel_at": at(2026, 11, 21),
        }
    )
    timeline.advance(at(2026, 11, 30))
    ended = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (ended.status, ended.ended_at) == ("canceled", at(2026, 11, 21))
    assert isinstance(ended.latest_invoice, stripe.Invoice)
    assert ended.latest_invoice.total == -1000


def test_the_clock_only_moves_forward_and_takes_its_customers_along(
    api: stripe.StripeClient, shop: Shop
) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    subscription = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    with pytest.raises(stripe.InvalidRequestError, match="must be after"):
        timeline.advance(at(2026, 10, 1))
    api.v1.test_helpers.test_clocks.delete(timeline.clock)
    assert api.v1.customers.retrieve(timeline.customer).deleted is True
    assert api.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_wall_time_is_looked_after_too(sim: Child, api: stripe.StripeClient, shop: Shop) -> None:
    customer = api.v1.customers.create({"name": "Ada"}).id
    subscription = api.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": shop.basic}],
            "trial_end": int(time.time()) + 1,
        }
    )
    deadline = time.monotonic() + 10
    while api.v1.subscriptions.retrieve(subscription.id).status == "trialing":
        assert time.monotonic() < deadline, "the trial did not end"
        sim.control("POST", "/tick")
    renewed = api.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert renewed.status == "active"
    assert isinstance(renewed.latest_invoice, stripe.Invoice)
    assert (renewed.latest_invoice.status, renewed.latest_invoice.total) == ("draft", 1000)
    event = api.v1.events.list({"type": "customer.subscription.updated", "limit": 1}).data[0]
    assert plain(event)["request"] == {"id": None, "idempotency_key": None}
