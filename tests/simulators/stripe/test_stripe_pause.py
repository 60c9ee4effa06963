"""Collection that is paused: what becomes of the invoices made meanwhile."""

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Shop, Timeline, at, event_types, last_event
from tests.simulators.stripe.stripe_sim import make_timeline as new_timeline


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return new_timeline(api, at(2026, 11, 1))


@pytest.fixture
def sold(api: stripe.StripeClient, shop: Shop, timeline: Timeline) -> str:
    return api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    ).id


def pause(api: stripe.StripeClient, sold: str, behaviour: str, until: int | None = None) -> None:
    more = {"resumes_at": until} if until else {}
    form = {"pause_collection": {"behavior": behaviour, **more}}
    api.v1.subscriptions.update(sold, form)  # type: ignore[arg-type]  # built by parts


def newest(api: stripe.StripeClient, sold: str) -> stripe.Invoice:
    return api.v1.invoices.list({"subscription": sold, "limit": 1}).data[0]


def test_drafts_are_kept_and_stay_drafts(
    api: stripe.StripeClient, timeline: Timeline, sold: str
) -> None:
    pause(api, sold, "keep_as_draft")
    timeline.advance(at(2026, 12, 1))
    fresh = newest(api, sold)
    assert (fresh.status, fresh.auto_advance) == ("draft", False)
    assert fresh.automatically_finalizes_at is None
    timeline.advance(at(2026, 12, 20))
    assert newest(api, sold).status == "draft"
    assert api.v1.subscriptions.retrieve(sold).status == "active"
    api.v1.subscriptions.update(sold, {"pause_collection": ""})
    timeline.advance(at(2027, 1, 2))
    cycle, kept, first = api.v1.invoices.list({"subscription": sold}).data
    assert (cycle.status, kept.status, first.status) == ("paid", "draft", "paid")
    final = api.v1.invoices.finalize_invoice(kept.id)
    assert (final.status, final.attempted) == ("open", False)


@pytest.mark.parametrize(
    ("behaviour", "status", "event"),
    [
        ("void", "void", "invoice.voided"),
        ("mark_uncollectible", "uncollectible", "invoice.marked_uncollectible"),
    ],
)
def test_invoices_are_given_up_as_soon_as_they_are_made(
    api: stripe.StripeClient,
    timeline: Timeline,
    sold: str,
    behaviour: str,
    status: str,
    event: str,
) -> None:
    pause(api, sold, behaviour)
    before = last_event(api)["id"]
    timeline.advance(at(2026, 12, 1))
    given_up = newest(api, sold)
    assert (given_up.status, given_up.amount_due, given_up.amount_paid) == (status, 1000, 0)
    assert event in event_types(api, before)
    assert not {"charge.succeeded", "charge.failed"} & set(event_types(api, before))
    assert api.v1.subscriptions.retrieve(sold).status == "active"
    reason = given_up.status_details
    if status == "uncollectible":
        assert reason is not None
        assert reason.uncollectible is not None
        assert reason.uncollectible.reason == "subscription_paused"
        assert api.v1.invoices.pay(given_up.id).status == "paid"
        assert api.v1.invoices.retrieve(given_up.id).status_details is None
    else:
        assert reason is None


@pytest.mark.parametrize("balance", [-300, -5000, 400])
def test_a_void_while_paused_uses_no_balance(
    api: stripe.StripeClient, timeline: Timeline, sold: str, balance: int
) -> None:
    api.v1.customers.update(timeline.customer, {"balance": balance})
    pause(api, sold, "void")
    timeline.advance(at(2026, 12, 2))
    void = newest(api, sold)
    assert (void.status, void.amount_due) == ("void", 1000)
    assert (void.starting_balance, void.ending_balance) == (balance, balance)
    assert api.v1.customers.retrieve(timeline.customer).balance == balance
    found = api.v1.customers.balance_transactions.list(timeline.customer).data
    assert [one.type for one in found] == ["adjustment"]


def test_a_write_off_while_paused_uses_the_credit(
    api: stripe.StripeClient, timeline: Timeline, sold: str
) -> None:
    api.v1.customers.update(timeline.customer, {"balance": -300})
    pause(api, sold, "mark_uncollectible")
    timeline.advance(at(2026, 12, 2))
    lost = newest(api, sold)
    assert (lost.status, lost.amount_due, lost.amount_remaining) == ("uncollectible", 700, 700)
    assert api.v1.customers.retrieve(timeline.customer).balance == 0


def test_what_was_made_before_the_pause_goes_its_way(
    api: stripe.StripeClient, timeline: Timeline, sold: str
) -> None:
    timeline.advance(at(2026, 12, 1))
    assert newest(api, sold).status == "draft"
    pause(api, sold, "void")
    timeline.advance(at(2026, 12, 1, 2))
    assert newest(api, sold).status == "paid"


def test_collection_resumes_at_its_time(
    api: stripe.StripeClient, timeline: Timeline, sold: str
) -> None:
    pause(api, sold, "void", until=at(2026, 12, 15))
    timeline.advance(at(2026, 12, 14))
    paused = api.v1.subscriptions.retrieve(sold).pause_collection
    assert paused is not None
    assert paused.resumes_at == at(2026, 12, 15)
    before = last_event(api)["id"]
    timeline.advance(at(2026, 12, 16))
    assert api.v1.subscriptions.retrieve(sold).pause_collection is None
    assert event_types(api, before)[1] == "customer.subscription.updated"
    timeline.advance(at(2027, 1, 2))
    found = api.v1.invoices.list({"subscription": sold}).data
    assert [invoice.status for invoice in found] == ["paid", "void", "paid"]


def test_an_immediate_bill_is_held_back_too(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline, sold: str
) -> None:
    pause(api, sold, "keep_as_draft")
    timeline.advance(at(2026, 11, 16))
    item = api.v1.subscriptions.retrieve(sold)["items"].data[0].id
    api.v1.subscriptions.update(
        sold,
        {"items": [{"id": item, "price": shop.pro}], "proration_behavior": "always_invoice"},
    )
    held = newest(api, sold)
    assert (held.status, held.total, held.auto_advance) == ("draft", 750, False)
