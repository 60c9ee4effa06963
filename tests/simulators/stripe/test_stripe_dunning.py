"""What becomes of subscriptions whose invoices are not paid, or whose trial nobody pays for."""

from collections.abc import Iterator

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    Timeline,
    at,
    last_event,
    make_shop,
    make_timeline,
    plain,
)

ENDED = at(2026, 12, 17)  # the renewal of 1 Dec was tried again on 4, 9 and 16 Dec


@pytest.fixture
def dunning(unruly_sim: Child) -> Iterator[Child]:
    yield unruly_sim
    unruly_sim.control("POST", "/settings", {"after_retries": "past_due"})


def sell(sim: Child, **more: object) -> tuple[Timeline, str]:
    """A subscription from 1 Nov 2026 on; the customer and the subscription."""
    api = sim.client()
    timeline = make_timeline(api, at(2026, 11, 1))
    form: object = {
        "customer": timeline.customer,
        "items": [{"price": make_shop(api).basic}],
        **more,
    }
    made = api.v1.subscriptions.create(form)  # type: ignore[arg-type]  # put together here
    return timeline, made.id


def unpaid(sim: Child, after: str) -> tuple[Timeline, str]:
    """One whose renewal failed for good, under the setting `after`."""
    answer = sim.control("POST", "/settings", {"after_retries": after})
    assert answer["after_retries"] == after
    timeline, subscription = sell(sim)
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "fail"})
    timeline.advance(ENDED)
    return timeline, subscription


def invoices(api: stripe.StripeClient, subscription: str, **more: object) -> list[stripe.Invoice]:
    wanted: object = {"subscription": subscription, **more}
    return list(api.v1.invoices.list(wanted).data)  # type: ignore[arg-type]  # put together here


def pay_late(sim: Child, timeline: Timeline, invoice: str) -> None:
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "succeed"})
    assert timeline.api.v1.invoices.pay(invoice).status == "paid"


@pytest.mark.parametrize("after", ["past_due", "unpaid"])
def test_a_late_payment_restores_the_subscription(dunning: Child, after: str) -> None:
    timeline, key = unpaid(dunning, after)
    api = timeline.api
    assert api.v1.subscriptions.retrieve(key).status == after
    [late] = invoices(api, key, status="open")
    assert (late.attempt_count, late.next_payment_attempt) == (4, None)
    charges = api.v1.charges.list({"customer": timeline.customer}).data
    assert [charge.status for charge in charges] == ["failed"] * 4 + ["succeeded"]
    pay_late(dunning, timeline, late.id)
    assert api.v1.subscriptions.retrieve(key).status == "active"
    previous = last_event(api, "customer.subscription.updated")["data"]["previous_attributes"]
    assert previous == {"status": after}


def test_an_unpaid_subscription_drafts_invoices_that_wait(dunning: Child) -> None:
    timeline, key = unpaid(dunning, "unpaid")
    timeline.advance(at(2027, 1, 3))
    [draft] = invoices(timeline.api, key, status="draft")
    assert (draft.auto_advance, draft.automatically_finalizes_at) == (False, None)
    assert timeline.api.v1.subscriptions.retrieve(key).status == "unpaid"


def test_a_subscription_may_end_with_the_last_attempt(dunning: Child) -> None:
    timeline, key = unpaid(dunning, "canceled")
    ended = timeline.api.v1.subscriptions.retrieve(key)
    assert (ended.status, ended.ended_at) == ("canceled", at(2026, 12, 16, 1))
    assert plain(ended)["cancellation_details"]["reason"] == "payment_failed"
    assert last_event(timeline.api, "customer.subscription.deleted")["data"]["object"]["id"] == key
    [late] = invoices(timeline.api, key, status="open")
    pay_late(dunning, timeline, late.id)
    assert timeline.api.v1.subscriptions.retrieve(key).status == "canceled"


def test_settings_are_kept_and_checked(dunning: Child) -> None:
    assert dunning.control("GET", "/settings") == {
        "after_retries": "past_due",
        "least_charge": False,
    }
    for wrong in ({"after_retries": "pause"}, {"retries": 3}):
        answer = httpx.post(f"{dunning.url}/_sim/settings", json=wrong, trust_env=False)
        assert answer.status_code == 400
    assert dunning.control("GET", "/settings") == {
        "after_retries": "past_due",
        "least_charge": False,
    }


def test_a_sent_invoice_is_overdue_once(sim: Child, api: stripe.StripeClient) -> None:
    timeline, key = sell(sim, collection_method="send_invoice", days_until_due=14)
    [invoice] = invoices(api, key)
    timeline.advance(at(2026, 11, 14, 23))
    assert api.v1.subscriptions.retrieve(key).status == "active"
    timeline.advance(at(2026, 11, 15))
    event = last_event(api, "invoice.overdue")
    assert (event["data"]["object"]["id"], event["created"]) == (invoice.id, at(2026, 11, 15))
    assert api.v1.subscriptions.retrieve(key).status == "past_due"
    timeline.advance(at(2026, 11, 28))
    assert last_event(api, "invoice.overdue")["id"] == event["id"]
    api.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert api.v1.subscriptions.retrieve(key).status == "active"


def test_an_invoice_paid_in_time_is_never_overdue(sim: Child, api: stripe.StripeClient) -> None:
    timeline, key = sell(sim, collection_method="send_invoice", days_until_due=14)
    [invoice] = invoices(api, key)
    api.v1.invoices.pay(invoice.id)
    timeline.advance(at(2026, 11, 20))
    found = api.v1.events.list({"type": "invoice.overdue", "limit": 100}).data
    assert invoice.id not in {plain(event)["data"]["object"]["id"] for event in found}


def trial(sim: Child, behavior: str) -> tuple[Timeline, str]:
    """A trial of a customer without a payment method, just over."""
    timeline, key = sell(
        sim,
        trial_period_days=7,
        trial_settings={"end_behavior": {"missing_payment_method": behavior}},
    )
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "missing"})
    timeline.advance(at(2026, 11, 8))
    return timeline, key


def test_a_trial_that_nobody_pays_for_may_pause(
    sim: Child, api: stripe.StripeClient, shop: Shop
) -> None:
    timeline, key = trial(sim, "pause")
    paused = last_event(api, "customer.subscription.paused")
    assert (paused["data"]["object"]["id"], paused["data"]["object"]["status"]) == (key, "paused")
    timeline.advance(at(2026, 12, 20))
    assert len(invoices(api, key)) == 1
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "succeed"})
    resumed = api.v1.subscriptions.resume(key)
    assert (resumed.status, resumed.billing_cycle_anchor) == ("active", at(2026, 12, 20))
    assert invoices(api, key)[0].amount_paid == 1000
    assert last_event(api, "customer.subscription.resumed")["data"]["object"]["id"] == key
    timeline.advance(at(2027, 1, 20, 1))
    assert invoices(api, key)[0].period_end == at(2027, 1, 20)
    with pytest.raises(stripe.InvalidRequestError, match="only a paused one"):
        api.v1.subscriptions.resume(key)


def test_a_trial_that_nobody_pays_for_may_end_it(sim: Child, api: stripe.StripeClient) -> None:
    _, key = trial(sim, "cancel")
    assert api.v1.subscriptions.retrieve(key).status == "canceled"
    _, billed = trial(sim, "create_invoice")
    assert api.v1.subscriptions.retrieve(billed).status == "active"


def test_a_resumption_that_fails_leaves_it_paused(sim: Child, api: stripe.StripeClient) -> None:
    _, key = trial(sim, "pause")
    with pytest.raises(stripe.CardError):
        api.v1.subscriptions.resume(key, {"payment_behavior": "resume_on_payment_success"})
    assert api.v1.subscriptions.retrieve(key).status == "paused"
    assert api.v1.subscriptions.resume(key).status == "past_due"


def test_the_end_of_a_subscription_stops_its_retries(sim: Child, api: stripe.StripeClient) -> None:
    timeline, key = sell(sim)
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "fail"})
    timeline.advance(at(2026, 12, 2))
    api.v1.subscriptions.cancel(key)
    [late] = invoices(api, key, status="open")
    assert (late.auto_advance, late.next_payment_attempt) == (False, None)
    timeline.advance(at(2027, 1, 2))
    assert api.v1.invoices.retrieve(late.id).attempt_count == 1
