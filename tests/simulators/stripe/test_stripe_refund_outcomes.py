"""Refunds that are pending, fail after all, or are called off."""

from typing import Any

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    at,
    event_types,
    last_event,
    make_timeline,
    plain,
)


@pytest.fixture
def charge(api: stripe.StripeClient, shop: Shop) -> stripe.Charge:
    timeline = make_timeline(api, at(2026, 11, 1))
    api.v1.subscriptions.create({"customer": timeline.customer, "items": [{"price": shop.basic}]})
    [found] = api.v1.charges.list({"customer": timeline.customer}).data
    return found


def wait_for(sim: Child, charge: stripe.Charge, outcome: str) -> None:
    sim.control("POST", f"/customers/{charge.customer}/refunds", {"outcome": outcome})


def left(api: stripe.StripeClient, charge: stripe.Charge) -> tuple[int, bool]:
    found = api.v1.charges.retrieve(charge.id)
    return found.amount - found.amount_refunded, found.refunded


def test_a_refund_that_succeeded_fails_days_later(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    made = api.v1.refunds.create({"charge": charge.id})
    assert (made.status, left(api, charge)) == ("succeeded", (0, True))
    before = last_event(api)["id"]
    sim.control("POST", f"/refunds/{made.id}/fail", {"reason": "expired_or_canceled_card"})
    assert event_types(api, before) == [
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
    ]
    failed = api.v1.refunds.retrieve(made.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    back = plain(failed)["failure_balance_transaction"]
    assert (back["amount"], back["type"], back["source"]) == (1000, "refund_failure", made.id)
    changed = last_event(api, "refund.updated")["data"]
    assert changed["previous_attributes"]["status"] == "succeeded"
    assert left(api, charge) == (1000, False)
    assert api.v1.refunds.create({"charge": charge.id, "amount": 400}).status == "succeeded"
    assert left(api, charge) == (600, False)


def test_a_pending_refund_arrives(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    wait_for(sim, charge, "pending")
    made = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    assert (made.status, made.pending_reason) == ("pending", "processing")
    assert left(api, charge) == (700, False)
    before = last_event(api)["id"]
    sim.control("POST", f"/refunds/{made.id}/succeed")
    assert event_types(api, before) == ["refund.updated", "charge.refund.updated"]
    arrived = api.v1.refunds.retrieve(made.id)
    assert (arrived.status, "pending_reason" in plain(arrived)) == ("succeeded", False)
    answer = httpx.post(f"{sim.url}/_sim/refunds/{made.id}/succeed", json={}, trust_env=False)
    assert answer.status_code == 400


def test_a_refund_that_waits_for_the_customer_is_canceled(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    wait_for(sim, charge, "requires_action")
    made = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    assert made.status == "requires_action"
    before = last_event(api)["id"]
    canceled = api.v1.refunds.cancel(made.id)
    assert canceled.status == "canceled"
    assert event_types(api, before) == ["refund.updated", "charge.refund.updated"]
    assert left(api, charge) == (1000, False)
    with pytest.raises(stripe.InvalidRequestError, match="is canceled"):
        api.v1.refunds.cancel(made.id)


def test_only_what_waits_for_the_customer_is_canceled_by_the_api(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    wait_for(sim, charge, "pending")
    pending = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    wait_for(sim, charge, "succeed")
    done = api.v1.refunds.create({"charge": charge.id, "amount": 200})
    for made in (pending, done):
        with pytest.raises(stripe.InvalidRequestError, match="requires_action"):
            api.v1.refunds.cancel(made.id)
    shown = sim.control("POST", f"/refunds/{pending.id}/cancel")
    assert (shown["status"], left(api, charge)) == ("canceled", (800, False))


def test_a_failed_refund_of_a_note_frees_what_it_had_given_back(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    [invoice] = api.v1.invoices.list({"customer": str(charge.customer)}).data
    form: Any = {"invoice": invoice.id, "amount": 400, "refund_amount": 400}
    note = plain(api.v1.credit_notes.create(form))
    sim.control("POST", f"/refunds/{note['refunds'][0]['refund']}/fail")
    assert api.v1.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 400
    with pytest.raises(stripe.InvalidRequestError, match="creditable"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 601, "credit_amount": 601})
    rest: Any = {"invoice": invoice.id, "amount": 600, "credit_amount": 600}
    assert api.v1.credit_notes.create(rest).total == 600
    assert left(api, charge) == (1000, False)


def test_bad_wishes_are_refused(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    made = api.v1.refunds.create({"charge": charge.id, "amount": 300}).id
    for path, body in (
        (f"refunds/{made}/fail", {"reason": "weather"}),
        (f"refunds/{made}/cancel", {}),
        ("refunds/re_none/fail", {}),
        (f"customers/{charge.customer}/refunds", {"outcome": "maybe"}),
    ):
        answer = httpx.post(f"{sim.url}/_sim/{path}", json=body, trust_env=False)
        assert answer.status_code in (400, 404), path
    assert api.v1.refunds.retrieve(made).status == "succeeded"


def test_refunds_are_in_the_accounts_balance(
    api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    made = api.v1.refunds.create({"charge": charge.id, "amount": 300})
    [taken] = api.v1.balance_transactions.list({"source": made.id}).data
    assert taken.id == made.balance_transaction
    assert (taken.type, taken.amount, taken.fee, taken.net) == ("refund", -300, 0, -300)
    typed = api.v1.balance_transactions.list({"type": "refund", "limit": 1}).data
    assert typed[0].id == taken.id
