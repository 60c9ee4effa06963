"""Invoices paid whole, in parts and outside of Stripe: intents, charges, invoice payments."""

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
    start,
)


def billed(api: stripe.StripeClient, owner: str, amount: int = 1000) -> stripe.Invoice:
    """An open invoice that collects nothing by itself."""
    draft = api.v1.invoices.create(
        {"customer": owner, "collection_method": "send_invoice", "currency": "eur"}
    )
    api.v1.invoice_items.create(
        {"customer": owner, "invoice": draft.id, "amount": amount, "currency": "eur"}
    )
    return api.v1.invoices.finalize_invoice(draft.id)


def customer(api: stripe.StripeClient) -> str:
    return api.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id


def payments(api: stripe.StripeClient, invoice: str) -> list[stripe.InvoicePayment]:
    """Oldest first."""
    found = api.v1.invoices.retrieve(invoice, {"expand": ["payments"]}).payments
    assert found is not None
    return list(reversed(found.data))


def intent_of(api: stripe.StripeClient, payment: stripe.InvoicePayment) -> stripe.PaymentIntent:
    key = str(payment.payment.payment_intent)
    return api.v1.payment_intents.retrieve(key, {"expand": ["latest_charge"]})


def test_a_payment_names_its_intent_and_charge(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    before = last_event(api)["id"]
    sold = api.v1.subscriptions.create(
        {
            "customer": timeline.customer,
            "items": [{"price": shop.basic}],
        }
    )
    path = "payments.data.payment.payment_intent.latest_charge"
    invoice = plain(api.v1.invoices.retrieve(str(sold.latest_invoice), {"expand": [path]}))
    [payment] = invoice["payments"]["data"]
    assert (payment["status"], payment["is_default"]) == ("paid", True)
    assert (payment["amount_requested"], payment["amount_paid"]) == (1000, 1000)
    assert payment["status_transitions"] == {"canceled_at": None, "paid_at": at(2026, 11, 1)}
    assert payment["payment"]["type"] == "payment_intent"
    intent = payment["payment"]["payment_intent"]
    charge = intent["latest_charge"]
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 1000)
    assert (charge["status"], charge["paid"], charge["captured"]) == ("succeeded", True, True)
    assert (charge["amount"], charge["payment_intent"]) == (1000, intent["id"])
    assert {obj["created"] for obj in (payment, intent, charge)} == {at(2026, 11, 1)}
    assert "refunds" not in charge
    types = event_types(api, before)
    steps = [
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.created",
    ]
    assert [kind for kind in types if kind in steps] == steps
    assert last_event(api, "invoice_payment.paid")["created"] == at(2026, 11, 1)


def test_a_refused_attempt_is_a_failed_charge_of_the_same_intent(
    sim: Child, api: stripe.StripeClient
) -> None:
    owner = customer(api)
    invoice = billed(api, owner)
    [waiting] = payments(api, invoice.id)
    assert (waiting.status, waiting.amount_paid) == ("open", None)
    assert intent_of(api, waiting).status == "requires_payment_method"
    sim.control("POST", f"/customers/{owner}/payment", {"outcome": "fail"})
    before = last_event(api)["id"]
    with pytest.raises(stripe.CardError):
        api.v1.invoices.pay(invoice.id)
    assert event_types(api, before) == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
    ]
    intent = intent_of(api, waiting)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")
    assert plain(intent)["last_payment_error"]["charge"] == charge.id
    sim.control("POST", f"/customers/{owner}/payment", {"outcome": "succeed"})
    api.v1.invoices.pay(invoice.id)
    [paid] = payments(api, invoice.id)
    assert (paid.id, paid.status) == (waiting.id, "paid")
    charges = api.v1.charges.list({"payment_intent": intent.id}).data
    assert [found.status for found in charges] == ["succeeded", "failed"]
    assert api.v1.charges.retrieve(charges[0].id).customer == owner
    assert intent_of(api, paid).last_payment_error is None


def test_parts_of_an_invoice_are_paid_one_by_one(sim: Child, api: stripe.StripeClient) -> None:
    invoice = billed(api, customer(api))
    before = last_event(api)["id"]
    part = sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 400})
    assert (part["status"], part["amount_paid"], part["amount_remaining"]) == ("open", 400, 600)
    assert event_types(api, before) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
    ]
    assert last_event(api, "invoice.updated")["data"]["previous_attributes"] == {
        "amount_paid": 0,
        "amount_remaining": 1000,
    }
    rest, first = payments(api, invoice.id)
    assert (rest.is_default, rest.status, rest.amount_requested) == (True, "open", 600)
    assert (first.is_default, first.status, first.amount_paid) == (False, "paid", 400)
    before = last_event(api)["id"]
    done = sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 600})
    assert (done["status"], done["amount_paid"], done["amount_remaining"]) == ("paid", 1000, 0)
    assert "invoice.paid" in event_types(api, before)
    found = payments(api, invoice.id)
    assert [(p.status, p.amount_paid) for p in found] == [
        ("canceled", None),
        ("paid", 400),
        ("paid", 600),
    ]
    assert intent_of(api, found[0]).status == "canceled"


def test_more_than_remains_cannot_be_paid(sim: Child, api: stripe.StripeClient) -> None:
    invoice = billed(api, customer(api))
    for amount in (1001, 0, -5, None, "400", True):
        answer = httpx.post(
            f"{sim.url}/_sim/invoices/{invoice.id}/partial_payment",
            json={"amount": amount},
            trust_env=False,
        )
        assert answer.status_code == 400
    assert api.v1.invoices.retrieve(invoice.id).amount_paid == 0


def test_the_default_payment_takes_what_parts_have_left(
    sim: Child, api: stripe.StripeClient
) -> None:
    invoice = billed(api, customer(api))
    sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 1})
    assert api.v1.invoices.pay(invoice.id).amount_paid == 1000
    rest, _ = payments(api, invoice.id)
    assert (rest.status, rest.amount_paid) == ("paid", 999)


def test_money_from_outside_is_a_payment_record(api: stripe.StripeClient) -> None:
    owner = customer(api)
    invoice = billed(api, owner)
    paid = api.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid, paid.amount_paid_off_stripe) == ("paid", 1000, 1000)
    default, outside = payments(api, invoice.id)
    assert default.status == "canceled"
    assert default.status_transitions.canceled_at is not None
    assert (outside.status, outside.amount_paid) == ("paid", 1000)
    assert outside.payment.type == "payment_record"
    record = api.v1.payment_records.retrieve(str(outside.payment.payment_record))
    assert plain(record)["amount"] == {"currency": "eur", "value": 1000}
    assert not api.v1.charges.list({"customer": owner}).data
    changed = last_event(api, "invoice.updated")["data"]["previous_attributes"]
    assert changed["amount_paid_off_stripe"] == 0


def test_a_credit_note_lowers_what_is_asked_for(api: stripe.StripeClient) -> None:
    invoice = billed(api, customer(api))
    note = api.v1.credit_notes.create({"invoice": invoice.id, "amount": 300})
    [payment] = payments(api, invoice.id)
    assert payment.amount_requested == intent_of(api, payment).amount == 700
    api.v1.credit_notes.void_credit_note(note.id)
    assert payments(api, invoice.id)[0].amount_requested == 1000
    api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1000})
    assert payments(api, invoice.id)[0].status == "canceled"


def test_nothing_to_pay_makes_no_payment(api: stripe.StripeClient, shop: Shop) -> None:
    owner = customer(api)
    sold = api.v1.subscriptions.create(
        {"customer": owner, "items": [{"price": shop.basic}], "trial_period_days": 7}
    )
    assert payments(api, str(sold.latest_invoice)) == []
    assert not api.v1.payment_intents.list({"customer": owner}).data


def test_lists_of_payments_filter_and_page(sim: Child, api: stripe.StripeClient) -> None:
    owner = customer(api)
    invoice, other = billed(api, owner), billed(api, owner)
    for _ in range(4):
        sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 100})
    api.v1.invoices.pay(other.id)
    pages = api.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid", "limit": 3})
    assert len(list(pages.auto_paging_iter())) == 4
    intent = pages.data[0].payment.payment_intent
    [same] = api.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": str(intent)}}
    ).data
    assert same.id == pages.data[0].id
    assert api.v1.invoice_payments.retrieve(same.id).invoice == invoice.id
    assert len(api.v1.charges.list({"customer": owner}).data) == 5
    created = pages.data[0].created
    assert not api.v1.charges.list({"customer": owner, "created": {"gt": created + 60}}).data
    listed = api.v1.invoices.list({"customer": owner, "expand": ["data.payments"]}).data
    counts = [len(found.payments.data) for found in listed if found.payments]
    assert counts == [1, 5]
    assert api.v1.invoices.retrieve(invoice.id).payments is None
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.invoice_payments.list({"invoice": "in_missing"})
    assert gone.value.code == "resource_missing"


def test_payments_outlive_a_restart(own_sim: Child) -> None:
    api = own_sim.client()
    invoice = billed(api, customer(api))
    own_sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 250})
    own_sim.stop()
    again = start(own_sim.state)
    try:
        api = again.client()
        api.v1.invoices.pay(invoice.id)
        assert [p.amount_paid for p in payments(api, invoice.id)] == [750, 250]
    finally:
        again.stop()
