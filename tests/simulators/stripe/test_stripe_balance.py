"""The customer's invoice balance: who moves it, what invoices use, and what a void returns."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Child,
    Shop,
    at,
    draft_invoice,
    event_types,
    last_event,
    make_timeline,
    plain,
    sent_invoice,
)


@pytest.fixture
def owner(api: stripe.StripeClient) -> str:
    return api.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id


@pytest.fixture
def strict(unruly_sim: Child) -> Iterator[Child]:
    """A simulator that charges no trifles."""
    unruly_sim.control("POST", "/settings", {"least_charge": True})
    yield unruly_sim
    unruly_sim.control("POST", "/settings", {"least_charge": False})


def credit(api: stripe.StripeClient, owner: str, amount: int, currency: str = "eur") -> None:
    api.v1.customers.balance_transactions.create(owner, {"amount": amount, "currency": currency})


def moves(api: stripe.StripeClient, owner: str) -> list[tuple[str, int, int]]:
    """Type, amount and ending balance of each transaction, the oldest first."""
    found = api.v1.customers.balance_transactions.list(owner, {"limit": 100}).data
    return [(one.type, one.amount, one.ending_balance) for one in reversed(found)]


def balance(api: stripe.StripeClient, owner: str) -> int | None:
    return api.v1.customers.retrieve(owner).balance


def test_goodwill_is_given_without_any_document(api: stripe.StripeClient, owner: str) -> None:
    before = last_event(api)["id"]
    made = api.v1.customers.balance_transactions.create(
        owner,
        {
            "amount": -2500,
            "currency": "eur",
            "description": "Outage",
            "metadata": {"case": "9"},
        },
    )
    assert (made.type, made.amount, made.ending_balance) == ("adjustment", -2500, -2500)
    assert (made.invoice, made.credit_note, made.description) == (None, None, "Outage")
    assert event_types(api, before) == ["customer.updated"]
    assert last_event(api)["data"]["previous_attributes"] == {"balance": 0, "currency": None}
    assert balance(api, owner) == -2500
    changed = api.v1.customers.balance_transactions.update(
        owner, made.id, {"description": "Outage of 1 November"}
    )
    assert (changed.amount, changed.description) == (-2500, "Outage of 1 November")
    assert api.v1.customers.balance_transactions.retrieve(owner, made.id).id == made.id


def test_a_balance_set_on_the_customer_is_in_the_ledger(api: stripe.StripeClient) -> None:
    owner = api.v1.customers.create({"name": "Ada", "balance": -600}).id
    api.v1.customers.update(owner, {"balance": -1000})
    assert last_event(api, "customer.updated")["data"]["previous_attributes"] == {"balance": -600}
    api.v1.customers.update(owner, {"balance": -1000})
    assert moves(api, owner) == [("initial", -600, -600), ("adjustment", -400, -1000)]
    nothing = api.v1.customers.create({"name": "Ada", "balance": 0})
    assert (nothing.currency, moves(api, nothing.id)) == (None, [])


def test_an_invoice_uses_the_credit_that_it_can(api: stripe.StripeClient, owner: str) -> None:
    credit(api, owner, -1500)
    first = sent_invoice(api, owner, 1000)
    assert (first.status, first.total, first.amount_due, first.amount_paid) == ("paid", 1000, 0, 0)
    assert (first.starting_balance, first.ending_balance) == (-1500, -500)
    assert plain(api.v1.invoice_payments.list({"invoice": first.id}))["data"] == []
    second = sent_invoice(api, owner, 800)
    assert (second.status, second.amount_due, second.amount_remaining) == ("open", 300, 300)
    assert (second.starting_balance, second.ending_balance) == (-500, 0)
    assert moves(api, owner)[1:] == [
        ("applied_to_invoice", 1000, -500),
        ("applied_to_invoice", 500, 0),
    ]
    [used] = api.v1.customers.balance_transactions.list(owner, {"invoice": second.id}).data
    assert (used.amount, used.invoice) == (500, second.id)
    [payment] = api.v1.invoice_payments.list({"invoice": second.id}).data
    assert payment.amount_requested == 300


def test_a_draft_shows_the_balance_and_uses_none_of_it(
    api: stripe.StripeClient, owner: str
) -> None:
    credit(api, owner, -1500)
    draft = api.v1.invoices.retrieve(draft_invoice(api, owner, 1000))
    assert (draft.starting_balance, draft.ending_balance, draft.amount_due) == (-1500, None, 0)
    assert balance(api, owner) == -1500


def test_a_debt_is_asked_for_by_the_next_invoice(api: stripe.StripeClient, owner: str) -> None:
    credit(api, owner, 250)
    invoice = sent_invoice(api, owner, 1000)
    assert (invoice.total, invoice.amount_due) == (1000, 1250)
    assert (invoice.starting_balance, invoice.ending_balance) == (250, 0)
    assert moves(api, owner)[-1] == ("applied_to_invoice", -250, 0)
    api.v1.invoices.void_invoice(invoice.id)
    assert moves(api, owner)[-1] == ("unapplied_from_invoice", 250, 250)


def test_an_invoice_below_zero_becomes_credit(api: stripe.StripeClient, shop: Shop) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.pro}]}
    )
    timeline.advance(at(2026, 11, 16))
    changed = api.v1.subscriptions.update(
        sold.id,
        {
            "items": [{"id": sold["items"].data[0].id, "price": shop.basic}],
            "proration_behavior": "always_invoice",
        },
    )
    invoice = api.v1.invoices.retrieve(str(changed.latest_invoice))
    assert (invoice.status, invoice.total, invoice.amount_due) == ("paid", -750, 0)
    assert (invoice.starting_balance, invoice.ending_balance) == (0, -750)
    assert moves(api, timeline.customer) == [("applied_to_invoice", -750, -750)]
    timeline.advance(at(2026, 12, 2))
    renewal = api.v1.invoices.list({"subscription": sold.id}).data[0]
    assert (renewal.status, renewal.total, renewal.amount_due) == ("paid", 1000, 250)
    assert (renewal.amount_paid, renewal.ending_balance) == (250, 0)


def test_a_void_gives_back_what_was_used(api: stripe.StripeClient, owner: str) -> None:
    credit(api, owner, -400)
    invoice = sent_invoice(api, owner, 1000)
    assert balance(api, owner) == 0
    before = last_event(api)["id"]
    void = api.v1.invoices.void_invoice(invoice.id)
    assert event_types(api, before) == [
        "payment_intent.canceled",
        "invoice.updated",
        "invoice.voided",
        "customer.updated",
    ]
    assert last_event(api)["data"]["previous_attributes"] == {"balance": 0}
    assert (void.starting_balance, void.ending_balance, void.amount_due) == (-400, 0, 600)
    assert moves(api, owner)[-1] == ("unapplied_from_invoice", -400, -400)
    assert balance(api, owner) == -400


def test_what_was_given_up_keeps_the_credit_until_it_is_void(
    api: stripe.StripeClient, owner: str
) -> None:
    credit(api, owner, -400)
    invoice = sent_invoice(api, owner, 1000)
    api.v1.invoices.mark_uncollectible(invoice.id)
    assert balance(api, owner) == 0
    api.v1.invoices.void_invoice(invoice.id)
    assert balance(api, owner) == -400


def test_each_currency_has_a_balance_of_its_own(api: stripe.StripeClient, owner: str) -> None:
    credit(api, owner, -1000)
    credit(api, owner, -3000, "usd")
    credit(api, owner, 700, "jpy")
    shown = api.v1.customers.retrieve(owner, {"expand": ["invoice_credit_balance"]})
    assert (shown.currency, shown.balance) == ("eur", -1000)
    assert plain(shown)["invoice_credit_balance"] == {"eur": 1000, "usd": 3000, "jpy": -700}
    assert "invoice_credit_balance" not in plain(api.v1.customers.retrieve(owner))
    dollars = sent_invoice(api, owner, 2000, currency="usd")
    assert (dollars.status, dollars.starting_balance, dollars.ending_balance) == (
        "paid",
        -3000,
        -1000,
    )
    yen = sent_invoice(api, owner, 300, currency="jpy")
    assert (yen.amount_due, yen.starting_balance) == (1000, 700)
    assert balance(api, owner) == -1000
    [used] = api.v1.customers.balance_transactions.list(owner, {"invoice": dollars.id}).data
    assert (used.currency, used.amount, used.ending_balance) == ("usd", 2000, -1000)


def test_a_credit_note_can_go_to_the_balance(api: stripe.StripeClient, owner: str) -> None:
    invoice = sent_invoice(api, owner, 1000)
    api.v1.invoices.pay(invoice.id)
    note = api.v1.credit_notes.create({"invoice": invoice.id, "amount": 300, "credit_amount": 300})
    [made] = api.v1.customers.balance_transactions.list(owner).data
    assert made.id == note.customer_balance_transaction
    assert (made.type, made.amount, made.credit_note) == ("credit_note", -300, note.id)


def test_what_the_balance_paid_can_be_credited_and_not_refunded(
    api: stripe.StripeClient, owner: str
) -> None:
    credit(api, owner, -1000)
    invoice = sent_invoice(api, owner, 1000)
    with pytest.raises(stripe.InvalidRequestError, match="can give back"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1000, "refund_amount": 1000})
    api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1000, "credit_amount": 1000})
    assert balance(api, owner) == -1000
    with pytest.raises(stripe.InvalidRequestError, match="creditable"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1, "credit_amount": 1})


def test_a_note_of_an_open_invoice_goes_beyond_what_is_left_of_it(
    api: stripe.StripeClient, owner: str
) -> None:
    credit(api, owner, -400)
    invoice = sent_invoice(api, owner, 1000)
    note = api.v1.credit_notes.create({"invoice": invoice.id, "amount": 800, "credit_amount": 200})
    assert (note.pre_payment_amount, note.post_payment_amount) == (600, 200)
    assert (note.type, balance(api, owner)) == ("mixed", -200)
    settled = api.v1.invoices.retrieve(invoice.id)
    assert (settled.status, settled.amount_paid, settled.amount_due) == ("paid", 0, 0)


def test_a_note_credits_the_invoice_and_not_the_older_debt(
    api: stripe.StripeClient, owner: str
) -> None:
    credit(api, owner, 500)
    invoice = sent_invoice(api, owner, 1000)
    api.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="creditable"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1001, "credit_amount": 1001})


def test_a_trifle_is_carried_over_as_a_debt(strict: Child) -> None:
    api = strict.client()
    owner = api.v1.customers.create({"name": "Ada"}).id
    small = sent_invoice(api, owner, 49)
    assert (small.status, small.total, small.amount_due) == ("paid", 49, 0)
    assert (small.starting_balance, small.ending_balance) == (0, 49)
    assert moves(api, owner) == [("invoice_too_small", 49, 49)]
    next_one = sent_invoice(api, owner, 50)
    assert (next_one.status, next_one.amount_due) == ("open", 99)
    credit(api, owner, -1180)
    reduced = sent_invoice(api, owner, 1200)
    assert (reduced.status, reduced.ending_balance) == ("paid", 20)
    assert moves(api, owner)[-2:] == [
        ("applied_to_invoice", 1180, 0),
        ("invoice_too_small", 20, 20),
    ]


def test_trifles_are_charged_where_nobody_asked_otherwise(
    api: stripe.StripeClient, owner: str
) -> None:
    assert sent_invoice(api, owner, 1).amount_due == 1


def test_transactions_page_and_filter(api: stripe.StripeClient, owner: str) -> None:
    for amount in range(1, 8):
        credit(api, owner, -amount)
    pages = api.v1.customers.balance_transactions.list(owner, {"limit": 3})
    assert [one.amount for one in pages.auto_paging_iter()] == [-7, -6, -5, -4, -3, -2, -1]
    created = pages.data[0].created
    later = api.v1.customers.balance_transactions.list(owner, {"created": {"gt": created + 60}})
    assert later.data == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"amount": 0, "currency": "eur"}, "amount"),
        ({"amount": 5}, "currency"),
        ({"currency": "eur"}, "amount"),
        ({"amount": 5, "currency": "euro"}, "currency"),
    ],
)
def test_bad_adjustments_are_refused(
    api: stripe.StripeClient, owner: str, form: Any, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.customers.balance_transactions.create(owner, form)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert moves(api, owner) == []


def test_a_transaction_of_another_customer_is_not_found(
    api: stripe.StripeClient, owner: str
) -> None:
    other = api.v1.customers.create({"name": "Bob", "balance": -5}).id
    [theirs] = api.v1.customers.balance_transactions.list(other).data
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.customers.balance_transactions.retrieve(owner, theirs.id)
    assert gone.value.http_status == 404
