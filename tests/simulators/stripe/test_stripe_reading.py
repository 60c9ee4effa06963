"""Lists of documents and money: their filters, their pages, and what can be expanded."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Shop,
    at,
    make_timeline,
    plain,
    sent_invoice,
)


def ids(found: Any) -> list[str]:
    return [one.id for one in found.auto_paging_iter()]


def test_invoices_by_everything(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    owner = timeline.customer
    sold = api.v1.subscriptions.create({"customer": owner, "items": [{"price": shop.basic}]})
    sent = sent_invoice(api, owner, 100, days_until_due=14).id
    timeline.advance(at(2026, 11, 10))
    later = sent_invoice(api, owner, 200, days_until_due=60).id
    api.v1.invoices.void_invoice(later)
    draft = api.v1.invoices.create({"customer": owner}).id
    cycle = str(sold.latest_invoice)

    def listed(**form: Any) -> list[str]:
        wanted: Any = {"customer": owner, "limit": 1, **form}
        return ids(api.v1.invoices.list(wanted))

    assert listed() == [draft, later, sent, cycle]
    assert listed(subscription=sold.id) == [cycle]
    assert listed(status="open") == [sent]
    assert listed(status="void") == [later]
    assert listed(status="draft") == [draft]
    assert listed(collection_method="send_invoice") == [later, sent]
    assert listed(created={"gte": at(2026, 11, 10)}) == [draft, later]
    assert listed(created={"lt": at(2026, 11, 10)}) == [sent, cycle]
    assert listed(due_date={"lte": at(2026, 11, 15)}) == [sent]
    assert listed(due_date={"gt": at(2026, 11, 15)}) == [later]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        listed(status="overdue")
    assert refused.value.param == "status"


def test_what_hangs_on_an_invoice(api: stripe.StripeClient) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    invoice, other = sent_invoice(api, owner, 1000).id, sent_invoice(api, owner, 1000).id
    for key in (invoice, other):
        api.v1.invoices.pay(key)
    notes = [
        api.v1.credit_notes.create({"invoice": invoice, "amount": 100, "credit_amount": 100}).id
        for _ in range(3)
    ]
    api.v1.credit_notes.create({"invoice": other, "amount": 100, "credit_amount": 100})
    found = api.v1.credit_notes.list({"invoice": invoice, "limit": 2})
    assert ids(found) == list(reversed(notes))
    [payment] = api.v1.invoice_payments.list({"invoice": invoice}).data
    intent = api.v1.payment_intents.retrieve(
        str(payment.payment.payment_intent), {"expand": ["latest_charge.refunds"]}
    )
    charge = plain(intent)["latest_charge"]
    assert (charge["amount"], charge["refunds"]["data"]) == (1000, [])
    first = [api.v1.refunds.create({"charge": charge["id"], "amount": n}).id for n in (1, 2, 3)]
    by_intent = api.v1.refunds.list({"payment_intent": intent.id, "limit": 2})
    assert ids(by_intent) == list(reversed(first))
    assert ids(api.v1.refunds.list({"charge": charge["id"]})) == list(reversed(first))


def test_what_can_be_expanded(api: stripe.StripeClient, shop: Shop) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    off: Any = {"coupon": api.v1.coupons.create({"percent_off": 10, "duration": "forever"}).id}
    sold = api.v1.subscriptions.create(
        {
            "customer": owner,
            "items": [{"price": shop.basic, "discounts": [off]}],
            "discounts": [off],
        }
    )
    path = [
        "customer",
        "payments",
        "discounts",
        "lines.data.discounts",
        "lines.data.discount_amounts.discount",
        "lines.data.pricing.price_details.price",
        "total_discount_amounts.discount",
        "parent.subscription_details.subscription",
    ]
    found = plain(api.v1.invoices.retrieve(str(sold.latest_invoice), {"expand": path}))
    [line] = found["lines"]["data"]
    assert found["customer"]["name"] == "Ada"
    assert found["payments"]["data"][0]["status"] == "paid"
    assert found["discounts"][0]["source"]["coupon"] == off["coupon"]
    assert line["discounts"][0]["subscription_item"] == sold["items"].data[0].id
    assert [one["discount"]["object"] for one in line["discount_amounts"]] == ["discount"] * 2
    assert line["pricing"]["price_details"]["price"]["unit_amount"] == 1000
    assert found["total_discount_amounts"][0]["discount"]["id"] == found["discounts"][0]["id"]
    assert found["parent"]["subscription_details"]["subscription"]["id"] == sold.id
    listed = api.v1.invoices.list(
        {"customer": owner, "expand": ["data.payments", "data.customer", "data.discounts"]}
    )
    assert plain(listed)["data"][0]["discounts"][0]["object"] == "discount"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.v1.invoices.retrieve(found["id"], {"expand": ["lines.data.discount"]})


def test_events_are_read_on_from_a_cursor(api: stripe.StripeClient) -> None:
    start = api.v1.events.list({"limit": 1}).data[0].id
    owner = api.v1.customers.create({"name": "Ada"}).id
    for amount in (-1, -2, -3, -4):
        api.v1.customers.balance_transactions.create(owner, {"amount": amount, "currency": "eur"})
    seen: list[str] = []
    cursor = start
    while True:
        page = api.v1.events.list({"ending_before": cursor, "limit": 2})
        seen += [event.type for event in reversed(page.data)]
        if not page.data:
            break
        cursor = page.data[0].id
    assert seen == ["customer.created", *["customer.updated"] * 4]
