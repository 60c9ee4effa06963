"""Refunds and disputes of charges, through the SDK."""

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
    """A charge of 1000 for a subscription, in simulated time."""
    timeline = make_timeline(api, at(2026, 11, 1))
    api.v1.subscriptions.create({"customer": timeline.customer, "items": [{"price": shop.basic}]})
    [found] = api.v1.charges.list({"customer": timeline.customer}).data
    return found


def invoice_of(api: stripe.StripeClient, charge: stripe.Charge) -> stripe.Invoice:
    [payment] = api.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": str(charge.payment_intent)}}
    ).data
    return api.v1.invoices.retrieve(str(payment.invoice))


def refused(api: stripe.StripeClient, **form: object) -> str | None:
    send: object = form
    with pytest.raises(stripe.InvalidRequestError) as error:
        api.v1.refunds.create(send)  # type: ignore[arg-type]  # wrong on purpose
    return error.value.code


def test_a_charge_is_refunded_in_parts(api: stripe.StripeClient, charge: stripe.Charge) -> None:
    before = last_event(api)["id"]
    first = api.v1.refunds.create(
        {
            "payment_intent": str(charge.payment_intent),
            "amount": 300,
            "reason": "requested_by_customer",
            "metadata": {"case": "7"},
        }
    )
    assert (first.status, first.amount, first.charge) == ("succeeded", 300, charge.id)
    assert (first.created, first.currency) == (at(2026, 11, 1), "eur")
    assert event_types(api, before) == ["refund.created", "charge.refunded"]
    event = last_event(api, "charge.refunded")
    assert event["data"]["object"]["id"] == charge.id
    assert event["data"]["previous_attributes"] == {"amount_refunded": 0}
    assert event["created"] == at(2026, 11, 1)
    rest = api.v1.refunds.create({"charge": charge.id})
    assert rest.amount == 700
    full = api.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (full.refunded, full.amount_refunded, full.status) == (True, 1000, "succeeded")
    assert full.refunds is not None
    assert [found.id for found in full.refunds.data] == [rest.id, first.id]
    assert invoice_of(api, charge).status == "paid"
    listed = api.v1.refunds.list({"charge": charge.id, "limit": 1})
    assert [found.id for found in listed.auto_paging_iter()] == [rest.id, first.id]
    assert api.v1.refunds.retrieve(first.id).reason == "requested_by_customer"
    many = api.v1.charges.list({"customer": str(charge.customer), "expand": ["data.refunds"]})
    assert len(plain(many.data[0])["refunds"]["data"]) == 2


def test_more_than_was_charged_is_not_given_back(
    api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as error:
        api.v1.refunds.create({"charge": charge.id, "amount": 1001})
    assert error.value.param == "amount"
    api.v1.refunds.create({"charge": charge.id})
    assert refused(api, charge=charge.id) == "charge_already_refunded"
    assert refused(api) == "parameter_missing"
    assert refused(api, charge=charge.id, amount=0) == "parameter_invalid_integer"
    assert refused(api, charge="ch_missing") == "resource_missing"
    assert len(api.v1.refunds.list({"charge": charge.id}).data) == 1


def test_a_failed_charge_has_nothing_to_give_back(
    sim: Child, api: stripe.StripeClient, shop: Shop
) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    sim.control("POST", f"/customers/{owner}/payment", {"outcome": "fail"})
    api.v1.subscriptions.create({"customer": owner, "items": [{"price": shop.basic}]})
    [failed] = api.v1.charges.list({"customer": owner}).data
    assert refused(api, charge=failed.id) == "charge_not_refundable"
    code = refused(api, payment_intent=failed.payment_intent)
    assert code == "payment_intent_unexpected_state"


def test_a_repeated_key_refunds_once(api: stripe.StripeClient, charge: stripe.Charge) -> None:
    once: stripe.RequestOptions = {"idempotency_key": f"refund-{charge.id}"}
    made = [api.v1.refunds.create({"charge": charge.id, "amount": 100}, once) for _ in range(3)]
    assert len({refund.id for refund in made}) == 1
    assert api.v1.charges.retrieve(charge.id).amount_refunded == 100


def test_a_credit_note_refunds_what_it_says(
    api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    invoice = invoice_of(api, charge)
    note = api.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 500, "refund_amount": 400, "credit_amount": 100}
    )
    [link] = plain(note)["refunds"]
    assert link["amount_refunded"] == api.v1.refunds.retrieve(link["refund"]).amount == 400
    assert api.v1.charges.retrieve(charge.id).amount_refunded == 400
    api.v1.refunds.create({"charge": charge.id, "amount": 500})
    with pytest.raises(stripe.InvalidRequestError, match="creditable") as error:
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 200, "refund_amount": 200})
    assert error.value.param == "amount"
    assert api.v1.charges.retrieve(charge.id).amount_refunded == 900


def test_a_credit_note_names_a_refund_that_was_made_before(
    api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    invoice = invoice_of(api, charge)
    made = api.v1.refunds.create({"charge": charge.id, "amount": 600})
    other = api.v1.refunds.create({"charge": charge.id, "amount": 100}).id
    note = api.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "amount": 700,
            "refunds": [{"refund": made.id, "amount_refunded": 500}],
            "refund_amount": 200,
        }
    )
    linked, added = plain(note)["refunds"]
    assert (linked["refund"], linked["amount_refunded"]) == (made.id, 500)
    assert added["amount_refunded"] == 200
    assert api.v1.charges.retrieve(charge.id).amount_refunded == 900
    # 1000 paid, 700 credited, and 200 of the refunds are of no note.
    left = api.v1.credit_notes.create({"invoice": invoice.id, "amount": 100, "credit_amount": 100})
    assert left.post_payment_amount == 100
    for refund, amount in ((made.id, 101), (added["refund"], 1)):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be linked"):
            api.v1.credit_notes.create(
                {
                    "invoice": invoice.id,
                    "amount": amount,
                    "refunds": [{"refund": refund, "amount_refunded": amount}],
                }
            )
    rest = api.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 100, "refunds": [{"refund": other}]}
    )
    assert plain(rest)["refunds"][0]["amount_refunded"] == 100


def test_what_was_paid_elsewhere_is_credited_and_not_refunded(
    api: stripe.StripeClient, shop: Shop
) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    sold = api.v1.subscriptions.create(
        {
            "customer": owner,
            "items": [{"price": shop.basic}],
            "collection_method": "send_invoice",
            "days_until_due": 14,
        }
    )
    invoice = str(sold.latest_invoice)
    api.v1.invoices.pay(invoice, {"paid_out_of_band": True})
    with pytest.raises(stripe.InvalidRequestError, match="can give back") as error:
        api.v1.credit_notes.create({"invoice": invoice, "amount": 200, "refund_amount": 200})
    assert error.value.param == "refund_amount"
    note = api.v1.credit_notes.create(
        {"invoice": invoice, "amount": 200, "out_of_band_amount": 150, "credit_amount": 50}
    )
    assert (note.out_of_band_amount, plain(note)["refunds"]) == (150, [])
    found = api.v1.credit_notes.retrieve(note.id, {"expand": ["customer_balance_transaction"]})
    moved = plain(found)["customer_balance_transaction"]
    assert (moved["amount"], moved["ending_balance"], moved["type"]) == (-50, -50, "credit_note")
    assert (moved["credit_note"], moved["invoice"]) == (note.id, invoice)


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_dispute_takes_the_money_until_it_is_won(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge, status: str
) -> None:
    before = last_event(api)["id"]
    path = f"/charges/{charge.id}/dispute"
    opened = sim.control("POST", path, {"amount": 600, "reason": "fraudulent"})
    assert (opened["status"], opened["amount"], opened["charge"]) == (
        "needs_response",
        600,
        charge.id,
    )
    assert opened["created"] == at(2026, 11, 1)
    assert event_types(api, before) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert last_event(api, "charge.dispute.funds_withdrawn")["created"] == at(2026, 11, 1)
    held = api.v1.charges.retrieve(charge.id, {"expand": ["dispute"]})
    assert held.disputed
    assert plain(held)["dispute"]["id"] == opened["id"]
    assert refused(api, charge=charge.id) == "charge_disputed"
    [found] = api.v1.disputes.list({"payment_intent": str(charge.payment_intent)}).data
    assert found.id == opened["id"]
    assert sim.control("POST", f"/disputes/{found.id}/review")["status"] == "under_review"
    before = last_event(api)["id"]
    sim.control("POST", f"/disputes/{found.id}/close", {"status": status})
    closed = ["charge.dispute.closed"]
    won = [*closed, "charge.dispute.funds_reinstated"]
    assert event_types(api, before) == (won if status == "won" else closed)
    assert api.v1.disputes.retrieve(found.id).status == status
    assert api.v1.charges.retrieve(charge.id).disputed
    assert invoice_of(api, charge).status == "paid"
    if status == "won":
        assert api.v1.refunds.create({"charge": charge.id}).amount == 1000
    else:
        assert refused(api, charge=charge.id) == "charge_disputed"


def test_a_dispute_is_decided_once(
    sim: Child, api: stripe.StripeClient, charge: stripe.Charge
) -> None:
    path = f"{sim.url}/_sim/charges/{charge.id}/dispute"
    for body in ({"amount": 1001}, {"amount": 0}, {"reason": "weather"}):
        assert httpx.post(path, json=body, trust_env=False).status_code == 400
    opened = sim.control("POST", f"/charges/{charge.id}/dispute")
    assert opened["amount"] == 1000
    assert httpx.post(path, json={}, trust_env=False).status_code == 400
    assert api.v1.disputes.close(opened["id"]).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        api.v1.disputes.close(opened["id"])
    close = f"{sim.url}/_sim/disputes/{opened['id']}/close"
    assert httpx.post(close, json={"status": "draw"}, trust_env=False).status_code == 400
