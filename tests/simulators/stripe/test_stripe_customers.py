"""A customer that is deleted: what ends with it, what stays readable, what is refused."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    Timeline,
    at,
    draft_invoice,
    event_types,
    last_event,
    make_timeline,
    plain,
    refusal,
    sent_invoice,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def refused(send: Any, *args: Any) -> tuple[int | None, str | None, str | None]:
    error = refusal(send, *args)
    return error.http_status, error.code, error.param


def test_its_subscriptions_end_with_it(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    ).id
    api.v1.invoice_items.create({"customer": timeline.customer, "amount": 700, "currency": "eur"})
    before = last_event(api)["id"]
    answer = api.v1.customers.delete(timeline.customer)
    assert plain(answer) == {"id": timeline.customer, "object": "customer", "deleted": True}
    assert event_types(api, before) == [
        "customer.subscription.deleted",
        "invoiceitem.deleted",
        "customer.deleted",
    ]
    assert last_event(api)["data"]["object"]["name"] == "Ada"
    ended = api.v1.subscriptions.retrieve(sold)
    assert (ended.status, ended.ended_at) == ("canceled", at(2026, 11, 1))
    assert plain(api.v1.customers.retrieve(timeline.customer)) == plain(answer)
    timeline.advance(at(2027, 3, 1))
    assert len(api.v1.invoices.list({"subscription": sold}).data) == 1


def test_what_was_billed_stays_readable(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    owner = timeline.customer
    api.v1.subscriptions.create({"customer": owner, "items": [{"price": shop.basic}]})
    [charge] = api.v1.charges.list({"customer": owner}).data
    api.v1.customers.delete(owner)
    [invoice] = api.v1.invoices.list({"customer": owner}).data
    assert (invoice.status, invoice.customer, invoice.customer_name) == ("paid", owner, "Ada")
    expanded = api.v1.invoices.retrieve(invoice.id, {"expand": ["customer", "payments"]})
    assert plain(expanded)["customer"] == {"id": owner, "object": "customer", "deleted": True}
    assert api.v1.charges.retrieve(charge.id).customer == owner
    assert api.v1.charges.list({"payment_intent": str(charge.payment_intent)}).data[0] == charge
    assert [s.status for s in api.v1.subscriptions.list({"customer": owner, "status": "all"})] == [
        "canceled"
    ]
    assert owner not in [found.id for found in api.v1.customers.list({"limit": 100}).data]


def test_its_payments_and_items_are_no_longer_listed(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    api.v1.customers.delete(timeline.customer)
    form = {"customer": timeline.customer}
    for send in (api.v1.charges.list, api.v1.invoice_items.list, api.v1.payment_intents.list):
        assert refused(send, form) == (400, "resource_missing", "customer")


def test_nothing_new_is_made_for_it(
    api: stripe.StripeClient, shop: Shop, timeline: Timeline
) -> None:
    owner = timeline.customer
    draft = draft_invoice(api, owner, 100)
    open_one = sent_invoice(api, owner, 100)
    api.v1.customers.delete(owner)
    gone = (400, "resource_missing", "customer")
    item: Any = {"customer": owner, "amount": 1, "currency": "eur"}
    assert refused(api.v1.invoice_items.create, item) == gone
    assert refused(api.v1.invoices.create, {"customer": owner, "currency": "eur"}) == gone
    form: Any = {"customer": owner, "items": [{"price": shop.basic}]}
    assert refused(api.v1.subscriptions.create, form) == gone
    assert refused(api.v1.invoices.finalize_invoice, draft) == gone
    assert refused(api.v1.invoices.pay, open_one.id) == gone
    missing = (404, "resource_missing", "id")
    money: Any = {"amount": 1, "currency": "eur"}
    assert refused(api.v1.customers.update, owner, {"name": "B"}) == missing
    assert refused(api.v1.customers.delete, owner) == missing
    assert refused(api.v1.customers.balance_transactions.create, owner, money) == missing
    vat: Any = {"type": "eu_vat", "value": "DE000000000"}
    assert refused(api.v1.customers.tax_ids.create, owner, vat) == missing


def test_open_invoices_wait_for_money_from_elsewhere(
    sim: Child, api: stripe.StripeClient, timeline: Timeline, shop: Shop
) -> None:
    owner = timeline.customer
    sold = api.v1.subscriptions.create({"customer": owner, "items": [{"price": shop.basic}]})
    sim.control("POST", f"/customers/{owner}/payment", {"outcome": "fail"})
    timeline.advance(at(2026, 12, 2))
    api.v1.customers.delete(owner)
    late = api.v1.invoices.list({"subscription": sold.id}).data[0]
    assert (late.status, late.auto_advance, late.next_payment_attempt) == ("open", False, None)
    timeline.advance(at(2027, 1, 2))
    assert api.v1.invoices.retrieve(late.id).attempt_count == 1
    assert api.v1.invoices.pay(late.id, {"paid_out_of_band": True}).status == "paid"


def test_a_void_after_the_deletion_returns_nothing(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    api.v1.customers.update(timeline.customer, {"balance": -60})
    invoice = sent_invoice(api, timeline.customer, 100)
    api.v1.customers.delete(timeline.customer)
    assert api.v1.invoices.void_invoice(invoice.id).status == "void"
    found = api.v1.customers.balance_transactions.list(timeline.customer).data
    assert [one.type for one in found] == ["applied_to_invoice", "adjustment"]


def test_a_credit_note_after_the_deletion_is_refunded_and_not_kept_as_credit(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    invoice = sent_invoice(api, timeline.customer, 100)
    api.v1.invoices.pay(invoice.id)
    api.v1.customers.delete(timeline.customer)
    kept: Any = {"invoice": invoice.id, "amount": 100, "credit_amount": 100}
    gone = (400, "resource_missing", "customer")
    assert refused(api.v1.credit_notes.create, kept) == gone
    made = api.v1.credit_notes.create({"invoice": invoice.id, "amount": 100, "refund_amount": 100})
    assert (made.total, len(made.refunds)) == (100, 1)
