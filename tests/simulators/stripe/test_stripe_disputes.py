"""Disputes from the charge-back to the bank's word, and the money that moves with them."""

from typing import Any

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Json,
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


def dispute(sim: Child, charge: stripe.Charge, **form: Any) -> Json:
    return sim.control("POST", f"/charges/{charge.id}/dispute", form)


def test_the_withdrawal_is_on_the_dispute(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    opened = dispute(sim, charge, amount=600)
    [taken] = opened["balance_transactions"]
    assert (taken["amount"], taken["fee"], taken["net"]) == (-600, 1500, -2100)
    assert (taken["type"], taken["reporting_category"]) == ("adjustment", "dispute")
    assert (taken["source"], taken["currency"]) == (opened["id"], "eur")
    found = api.v1.balance_transactions.retrieve(taken["id"], {"expand": ["source"]})
    assert plain(found)["source"]["id"] == opened["id"]
    created = last_event(api, "charge.dispute.created")["data"]["object"]
    assert created["balance_transactions"] == [taken]


def test_evidence_goes_to_the_bank_when_it_is_submitted(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    key = dispute(sim, charge)["id"]
    before = last_event(api)["id"]
    staged = api.v1.disputes.update(
        key,
        {
            "evidence": {"product_description": "Licences"},
            "metadata": {"case": "7"},
            "submit": False,
        },
    )
    assert (staged.status, staged.evidence.product_description) == ("needs_response", "Licences")
    assert (staged.evidence_details.has_evidence, staged.evidence_details.submission_count) == (
        True,
        0,
    )
    sent = api.v1.disputes.update(key, {"evidence": {"customer_name": "Ada"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert sent.evidence.product_description == "Licences"
    assert event_types(api, before) == ["charge.dispute.updated", "charge.dispute.updated"]
    assert last_event(api)["data"]["previous_attributes"]["status"] == "needs_response"


@pytest.mark.parametrize(("word", "status"), [("winning", "won"), ("losing", "lost")])
def test_test_evidence_decides(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge, word: str, status: str
) -> None:
    key = dispute(sim, charge)["id"]
    before = last_event(api)["id"]
    decided = api.v1.disputes.update(key, {"evidence": {"uncategorized_text": f"{word}_evidence"}})
    assert (decided.status, decided.is_charge_refundable) == (status, status == "won")
    won = ["charge.dispute.funds_reinstated"] if status == "won" else []
    assert event_types(api, before) == ["charge.dispute.updated", "charge.dispute.closed", *won]
    moves = [one.amount for one in decided.balance_transactions]
    assert moves == ([-1000, 1000] if status == "won" else [-1000])
    late: Any = {"evidence": {"customer_name": "Ada"}}
    with pytest.raises(stripe.InvalidRequestError, match="already closed") as refused:
        api.v1.disputes.update(key, late)
    assert refused.value.param == "evidence"
    noted = api.v1.disputes.update(key, {"metadata": {"erp": "7"}})
    assert plain(noted)["metadata"] == {"erp": "7"}


def test_a_lost_dispute_leaves_the_invoice_paid(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    key = dispute(sim, charge)["id"]
    sim.control("POST", f"/disputes/{key}/review")
    sim.control("POST", f"/disputes/{key}/close", {"status": "lost"})
    [invoice] = api.v1.invoices.list({"customer": str(charge.customer)}).data
    assert (invoice.status, invoice.amount_paid) == ("paid", 1000)
    closed = last_event(api, "charge.dispute.closed")["data"]
    assert (closed["object"]["status"], closed["object"]["charge"]) == ("lost", charge.id)
    answer = httpx.post(f"{sim.url}/_sim/disputes/{key}/review", json={}, trust_env=False)
    assert answer.status_code == 400


def test_disputes_are_listed_by_charge_and_intent(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    first = dispute(sim, charge, amount=100)["id"]
    sim.control("POST", f"/disputes/{first}/close", {"status": "won"})
    second = dispute(sim, charge, amount=200)["id"]
    wanted: list[Any] = [
        {"charge": charge.id, "limit": 1},
        {"payment_intent": str(charge.payment_intent), "limit": 1},
    ]
    for form in wanted:
        pages = api.v1.disputes.list(form)
        assert [one.id for one in pages.auto_paging_iter()] == [second, first]
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.disputes.list({"charge": "ch_none"})
    assert gone.value.param == "charge"


def test_the_fee_has_the_exponent_of_the_currency(
    sim: Child, api: stripe.StripeClient, shop: Shop
) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    api.v1.invoice_items.create({"customer": owner, "amount": 5000, "currency": "jpy"})
    draft = api.v1.invoices.create(
        {"customer": owner, "currency": "jpy", "pending_invoice_items_behavior": "include"}
    )
    api.v1.invoices.pay(draft.id)
    [charge] = api.v1.charges.list({"customer": owner}).data
    [taken] = dispute(sim, charge)["balance_transactions"]
    assert (taken["amount"], taken["fee"]) == (-5000, 15)
