"""Final invoices: what may still be noted on them, and how they are given up."""

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
def invoice(api: stripe.StripeClient) -> stripe.Invoice:
    """An open invoice over 1000 that was sent."""
    owner = api.v1.customers.create({"name": "Ada"}).id
    draft = api.v1.invoices.create(
        {"customer": owner, "collection_method": "send_invoice", "currency": "eur"}
    )
    api.v1.invoice_items.create(
        {"customer": owner, "invoice": draft.id, "amount": 1000, "currency": "eur"}
    )
    return api.v1.invoices.finalize_invoice(draft.id)


def payment_status(api: stripe.StripeClient, invoice: str) -> list[str]:
    return [found.status for found in api.v1.invoice_payments.list({"invoice": invoice}).data]


@pytest.mark.parametrize("status", ["open", "paid", "void", "uncollectible"])
def test_metadata_of_a_final_invoice_can_change(
    api: stripe.StripeClient, invoice: stripe.Invoice, status: str
) -> None:
    match status:
        case "paid":
            api.v1.invoices.pay(invoice.id)
        case "void":
            api.v1.invoices.void_invoice(invoice.id)
        case "uncollectible":
            api.v1.invoices.mark_uncollectible(invoice.id)
    api.v1.invoices.update(invoice.id, {"metadata": {"erp": "INV-7", "state": "posted"}})
    before = last_event(api)["id"]
    changed = api.v1.invoices.update(invoice.id, {"metadata": {"state": "settled", "date": "1"}})
    assert plain(changed)["metadata"] == {"erp": "INV-7", "state": "settled", "date": "1"}
    assert changed.status == status
    assert event_types(api, before) == ["invoice.updated"]
    event = last_event(api)
    assert event["data"]["previous_attributes"] == {"metadata": {"state": "posted", "date": None}}
    api.v1.invoices.update(invoice.id, {"metadata": {"state": "settled"}})
    assert last_event(api)["id"] == event["id"]
    removed = api.v1.invoices.update(invoice.id, {"metadata": {"state": "", "date": ""}})
    assert plain(removed)["metadata"] == {"erp": "INV-7"}


def test_amounts_of_a_final_invoice_cannot_change(
    api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.invoices.update(invoice.id, {"metadata": {"a": "1"}, "due_date": at(2030, 1, 1)})
    assert (refused.value.code, refused.value.param) == ("invoice_not_editable", "due_date")
    assert plain(api.v1.invoices.retrieve(invoice.id))["metadata"] == {}


def test_an_open_invoice_is_voided_once(api: stripe.StripeClient, invoice: stripe.Invoice) -> None:
    before = last_event(api)["id"]
    void = api.v1.invoices.void_invoice(invoice.id)
    assert (void.status, void.status_transitions.voided_at is not None) == ("void", True)
    assert event_types(api, before) == [
        "payment_intent.canceled",
        "invoice.updated",
        "invoice.voided",
    ]
    assert payment_status(api, invoice.id) == ["canceled"]
    assert (void.amount_due, void.amount_remaining) == (1000, 1000)
    for close in (api.v1.invoices.void_invoice, api.v1.invoices.mark_uncollectible):
        with pytest.raises(stripe.InvalidRequestError, match="isn't open"):
            close(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be paid"):
        api.v1.invoices.pay(invoice.id)
    assert api.v1.invoices.retrieve(invoice.id).status == "void"


def test_an_uncollectible_invoice_may_still_be_paid_or_voided(
    api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    before = last_event(api)["id"]
    lost = api.v1.invoices.mark_uncollectible(invoice.id)
    assert (lost.status, lost.amount_remaining) == ("uncollectible", 1000)
    assert event_types(api, before) == ["invoice.updated", "invoice.marked_uncollectible"]
    assert payment_status(api, invoice.id) == ["open"]
    with pytest.raises(stripe.InvalidRequestError, match="already been marked"):
        api.v1.invoices.mark_uncollectible(invoice.id)
    assert api.v1.invoices.pay(invoice.id).status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="already paid") as again:
        api.v1.invoices.pay(invoice.id)
    assert again.value.code is None


def test_an_uncollectible_invoice_is_voided(
    api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    api.v1.invoices.mark_uncollectible(invoice.id)
    assert api.v1.invoices.void_invoice(invoice.id).status == "void"
    transitions = api.v1.invoices.retrieve(invoice.id).status_transitions
    assert transitions.marked_uncollectible_at is not None
    assert transitions.voided_at is not None


def test_a_draft_and_a_paid_invoice_are_not_closed(
    api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    api.v1.invoices.pay(invoice.id)
    draft = api.v1.invoices.create({"customer": str(invoice.customer), "currency": "eur"})
    for close in (api.v1.invoices.void_invoice, api.v1.invoices.mark_uncollectible):
        with pytest.raises(stripe.InvalidRequestError, match="isn't open"):
            close(draft.id)
    with pytest.raises(stripe.InvalidRequestError, match="isn't open"):
        api.v1.invoices.mark_uncollectible(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="`paid` payments"):
        api.v1.invoices.void_invoice(invoice.id)


def test_an_invoice_that_was_paid_in_part_is_not_voided(
    sim: Child, api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 1})
    with pytest.raises(stripe.InvalidRequestError, match="`paid` payments"):
        api.v1.invoices.void_invoice(invoice.id)
    lost = api.v1.invoices.mark_uncollectible(invoice.id)
    assert (lost.status, lost.amount_paid, lost.amount_remaining) == ("uncollectible", 1, 999)


@pytest.mark.parametrize("outcome", ["void", "uncollectible"])
def test_a_subscription_is_active_again_when_its_debt_is_given_up(
    sim: Child, api: stripe.StripeClient, shop: Shop, outcome: str
) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    sold = api.v1.subscriptions.create(
        {"customer": timeline.customer, "items": [{"price": shop.basic}]}
    )
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "fail"})
    timeline.advance(at(2026, 12, 2))
    late = api.v1.subscriptions.retrieve(sold.id)
    assert late.status == "past_due"
    if outcome == "void":
        api.v1.invoices.void_invoice(str(late.latest_invoice))
    else:
        api.v1.invoices.mark_uncollectible(str(late.latest_invoice))
    assert api.v1.subscriptions.retrieve(sold.id).status == "active"


@pytest.mark.parametrize("outside", [True, False])
def test_what_was_given_up_is_paid_after_all(
    api: stripe.StripeClient, invoice: stripe.Invoice, outside: bool
) -> None:
    lost = api.v1.invoices.mark_uncollectible(invoice.id)
    assert plain(lost)["status_details"] == {"uncollectible": {"reason": "user_forgiven"}}
    before = last_event(api)["id"]
    paid = api.v1.invoices.pay(invoice.id, {"paid_out_of_band": outside})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert (paid.amount_paid_off_stripe, paid.status_details) == (1000 if outside else 0, None)
    transitions = paid.status_transitions
    assert transitions.marked_uncollectible_at is not None
    assert transitions.paid_at is not None
    settled = ["invoice.updated", "invoice.paid", "invoice.payment_succeeded"]
    kinds = event_types(api, before)
    assert [kind for kind in kinds if kind in settled] == settled
    assert ("charge.succeeded" in kinds) is not outside
    previous = last_event(api, "invoice.updated")["data"]["previous_attributes"]
    assert (previous["status"], previous["amount_paid"]) == ("uncollectible", 0)
    assert previous["status_details"] == {"uncollectible": {"reason": "user_forgiven"}}


def test_part_of_what_was_given_up_is_paid(
    sim: Child, api: stripe.StripeClient, invoice: stripe.Invoice
) -> None:
    api.v1.invoices.mark_uncollectible(invoice.id)
    part = sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 400})
    assert (part["status"], part["amount_paid"]) == ("uncollectible", 400)
    rest = sim.control("POST", f"/invoices/{invoice.id}/partial_payment", {"amount": 600})
    assert (rest["status"], rest["amount_remaining"]) == ("paid", 0)
