"""Invoices that no subscription made: drafted, filled, finalized, sent, paid, deleted."""

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
    refusal,
    sent_invoice,
)

DAY = 86_400


@pytest.fixture
def owner(api: stripe.StripeClient) -> str:
    return api.v1.customers.create(
        {
            "name": "Ada GmbH",
            "email": "ada@example.com",
            "address": {"country": "DE", "line1": "Ring 1"},
            "tax_id_data": [{"type": "eu_vat", "value": "DE000000000"}],
        }
    ).id


def amounts(api: stripe.StripeClient, invoice: str) -> list[int]:
    return [line.amount for line in api.v1.invoices.line_items.list(invoice).data]


def test_a_draft_follows_the_customer_and_a_final_invoice_keeps_it(
    api: stripe.StripeClient, owner: str
) -> None:
    draft = draft_invoice(api, owner, 1000)
    api.v1.customers.update(owner, {"name": "Ada SE", "tax_exempt": "reverse"})
    followed = api.v1.invoices.retrieve(draft)
    assert (followed.customer_name, followed.customer_tax_exempt) == ("Ada SE", "reverse")
    assert (followed.number, followed.effective_at, followed.invoice_pdf) == (None, None, None)
    final = api.v1.invoices.finalize_invoice(draft)
    [vat] = api.v1.customers.tax_ids.list(owner).data
    api.v1.customers.tax_ids.delete(owner, vat.id)
    api.v1.customers.update(
        owner, {"name": "Bob", "email": "b@example.com", "address": "", "tax_exempt": "none"}
    )
    kept = plain(api.v1.invoices.retrieve(draft))
    assert (kept["customer_name"], kept["customer_email"]) == ("Ada SE", "ada@example.com")
    assert (kept["customer_address"]["country"], kept["customer_tax_exempt"]) == ("DE", "reverse")
    assert kept["customer_tax_ids"] == [{"type": "eu_vat", "value": "DE000000000"}]
    assert kept["status_transitions"]["finalized_at"] == kept["effective_at"]
    assert str(final.number).endswith("-0001")
    assert final.hosted_invoice_url
    assert final.invoice_pdf


def test_its_life_in_events(api: stripe.StripeClient, owner: str) -> None:
    before = last_event(api)["id"]
    draft = draft_invoice(api, owner, 1000)
    assert event_types(api, before) == [
        "customer.updated",
        "invoice.created",
        "invoiceitem.created",
        "invoice.updated",
    ]
    before = last_event(api)["id"]
    api.v1.invoices.finalize_invoice(draft)
    assert event_types(api, before) == [
        "customer.updated",
        "invoice.finalized",
        "invoice.updated",
        "payment_intent.created",
    ]
    before = last_event(api)["id"]
    assert api.v1.invoices.send_invoice(draft).status == "open"
    assert event_types(api, before) == ["invoice.sent"]
    paid = api.v1.invoices.pay(draft, {"paid_out_of_band": True})
    assert (paid.status, paid.parent, paid.billing_reason) == ("paid", None, "manual")


def test_purchase_order_and_memo_are_on_it(api: stripe.StripeClient, owner: str) -> None:
    api.v1.customers.update(
        owner,
        {"invoice_settings": {"custom_fields": [{"name": "PO", "value": "1"}], "footer": "Thanks"}},
    )
    inherited = plain(api.v1.invoices.create({"customer": owner, "currency": "eur"}))
    assert inherited["custom_fields"] == [{"name": "PO", "value": "1"}]
    assert inherited["footer"] == "Thanks"
    fields = [{"name": "PO", "value": "4711"}, {"name": "Cost centre", "value": "X"}]
    own = draft_invoice(
        api,
        owner,
        100,
        custom_fields=fields,
        description="Licences",
        metadata={"project": "P1"},
        number="2026-77",
        effective_at=at(2026, 10, 31),
    )
    final = api.v1.invoices.finalize_invoice(own)
    assert plain(final)["custom_fields"] == fields
    assert (final.number, final.effective_at) == ("2026-77", at(2026, 10, 31))
    assert (final.description, plain(final)["metadata"]) == ("Licences", {"project": "P1"})
    assert final.status_transitions.finalized_at != final.effective_at
    cleared = api.v1.invoices.update(inherited["id"], {"custom_fields": ""})
    assert cleared.custom_fields is None
    assert str(sent_invoice(api, owner, 1).number).endswith("-0001")


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"custom_fields": [{"name": "N" * 41, "value": "v"}]}, "custom_fields[0][name]"),
        ({"custom_fields": [{"name": "N"}]}, "custom_fields[0][value]"),
        ({"custom_fields": [{"name": str(n), "value": "v"} for n in range(5)]}, "custom_fields"),
        ({"days_until_due": 5}, "days_until_due"),
        ({"due_date": 4_000_000_000}, "due_date"),
        ({"collection_method": "send_invoice", "due_date": 1}, "due_date"),
        (
            {
                "collection_method": "send_invoice",
                "days_until_due": 5,
                "due_date": 4_000_000_000,
            },
            "due_date",
        ),
    ],
)
def test_bad_terms_are_refused(api: stripe.StripeClient, owner: str, form: Any, param: str) -> None:
    error = refusal(api.v1.invoices.create, {"customer": owner, "currency": "eur", **form})
    assert (error.http_status, error.param) == (400, param)
    assert not api.v1.invoices.list({"customer": owner}).data


def test_when_it_is_due(api: stripe.StripeClient) -> None:
    owner = make_timeline(api, at(2026, 11, 1)).customer
    by_days = sent_invoice(api, owner, 100, days_until_due=14)
    assert by_days.due_date == at(2026, 11, 15)
    by_date = api.v1.invoices.create(
        {
            "customer": owner,
            "collection_method": "send_invoice",
            "due_date": at(2026, 12, 24),
        }
    )
    assert by_date.due_date == at(2026, 12, 24)
    charged = api.v1.invoices.create({"customer": owner})
    assert (charged.due_date, charged.collection_method) == (None, "charge_automatically")
    error = refusal(api.v1.invoices.send_invoice, charged.id)
    assert "send_invoice" in str(error)


def test_pending_items_join_when_it_is_created(api: stripe.StripeClient, owner: str) -> None:
    for amount in (100, 200):
        api.v1.invoice_items.create({"customer": owner, "amount": amount, "currency": "eur"})
    api.v1.invoice_items.create({"customer": owner, "amount": 400, "currency": "usd"})
    swept = api.v1.invoices.create(
        {"customer": owner, "currency": "eur", "pending_invoice_items_behavior": "include"}
    )
    assert (swept.total, sorted(amounts(api, swept.id))) == (300, [100, 200])
    left = api.v1.invoice_items.list({"customer": owner, "pending": True}).data
    assert [item.amount for item in left] == [400]
    item = api.v1.invoice_items.list({"invoice": swept.id}).data[0]
    assert item.invoice == swept.id


def test_lines_are_added_changed_and_taken_off_in_bulk(
    api: stripe.StripeClient, owner: str, shop: Shop
) -> None:
    once = api.v1.prices.create({"product": shop.product, "currency": "eur", "unit_amount": 250})
    pending = api.v1.invoice_items.create({"customer": owner, "amount": 70, "currency": "eur"})
    draft = draft_invoice(api, owner, 1000)
    added = api.v1.invoices.add_lines(
        draft,
        {
            "lines": [
                {"invoice_item": pending.id, "description": "Was pending"},
                {"pricing": {"price": once.id}, "quantity": 3},
                {"amount": -20, "description": "Rebate", "metadata": {"why": "loyal"}},
            ],
            "invoice_metadata": {"bulk": "1"},
        },
    )
    assert (added.total, plain(added)["metadata"]) == (1800, {"bulk": "1"})
    assert amounts(api, draft) == [1000, 70, 750, -20]
    first, second, third, rebate = api.v1.invoices.line_items.list(draft).data
    assert (second.description, third.quantity, rebate.discountable) == ("Was pending", 3, False)
    assert api.v1.invoice_items.retrieve(pending.id).invoice == draft
    changed = api.v1.invoices.update_lines(
        draft, {"lines": [{"id": first.id, "amount": 900}, {"id": third.id, "quantity": 2}]}
    )
    assert (changed.total, amounts(api, draft)) == (1450, [900, 70, 500, -20])
    alone = api.v1.invoices.line_items.update(draft, rebate.id, {"amount": -50})
    assert (alone.id, alone.amount) == (rebate.id, -50)
    rest = api.v1.invoices.remove_lines(
        draft,
        {
            "lines": [
                {"id": second.id, "behavior": "unassign"},
                {"id": rebate.id, "behavior": "delete"},
            ]
        },
    )
    assert (rest.total, amounts(api, draft)) == (1400, [900, 500])
    assert api.v1.invoice_items.retrieve(pending.id).invoice is None
    gone = plain(rebate)["parent"]["invoice_item_details"]["invoice_item"]
    assert refusal(api.v1.invoice_items.retrieve, gone).http_status == 404


def test_lines_of_a_final_invoice_stand(api: stripe.StripeClient, owner: str) -> None:
    invoice = sent_invoice(api, owner, 1000)
    line = invoice.lines.data[0].id
    for send, form in (
        (api.v1.invoices.add_lines, {"lines": [{"amount": 1}]}),
        (api.v1.invoices.update_lines, {"lines": [{"id": line, "amount": 1}]}),
        (api.v1.invoices.remove_lines, {"lines": [{"id": line, "behavior": "delete"}]}),
    ):
        assert refusal(send, invoice.id, form).code == "invoice_not_editable"
    assert amounts(api, invoice.id) == [1000]


def test_lines_of_nowhere_are_refused_whole(api: stripe.StripeClient, owner: str) -> None:
    other = api.v1.customers.create({"name": "Bob"}).id
    theirs = api.v1.invoice_items.create({"customer": other, "amount": 5, "currency": "eur"}).id
    draft = draft_invoice(api, owner, 1000)
    lines: list[Any] = [{"amount": 1}, {"invoice_item": theirs}]
    assert refusal(api.v1.invoices.add_lines, draft, {"lines": lines}).http_status == 400
    missing: Any = {"lines": [{"id": "il_none", "amount": 1}]}
    assert refusal(api.v1.invoices.update_lines, draft, missing).param == "lines[0][id]"
    dollars: Any = {"lines": [{"amount": 1, "price_data": {"currency": "usd"}}]}
    assert refusal(api.v1.invoices.add_lines, draft, dollars).http_status == 400
    assert amounts(api, draft) == [1000]


def test_it_advances_by_itself_only_when_told(api: stripe.StripeClient) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    still = draft_invoice(api, timeline.customer, 100)
    moving = draft_invoice(api, timeline.customer, 200, auto_advance=True)
    later = draft_invoice(api, timeline.customer, 300, automatically_finalizes_at=at(2026, 11, 3))
    assert api.v1.invoices.retrieve(moving).automatically_finalizes_at == at(2026, 11, 1, 1)
    before = last_event(api)["id"]
    timeline.advance(at(2026, 11, 2))
    assert api.v1.invoices.retrieve(still).status == "draft"
    assert api.v1.invoices.retrieve(moving).status == "open"
    assert api.v1.invoices.retrieve(later).status == "draft"
    assert "invoice.sent" in event_types(api, before)
    timeline.advance(at(2026, 11, 4))
    assert api.v1.invoices.retrieve(later).effective_at == at(2026, 11, 3)


def test_paying_a_draft_finalizes_it(api: stripe.StripeClient, owner: str) -> None:
    assert api.v1.invoices.pay(draft_invoice(api, owner, 500)).status == "paid"
    nothing = api.v1.invoices.pay(draft_invoice(api, owner))
    assert (nothing.status, nothing.total) == ("paid", 0)


def test_only_a_draft_is_deleted(api: stripe.StripeClient, owner: str) -> None:
    draft = draft_invoice(api, owner, 500)
    before = last_event(api)["id"]
    assert api.v1.invoices.delete(draft).deleted
    assert event_types(api, before) == ["invoice.deleted"]
    assert refusal(api.v1.invoices.retrieve, draft).http_status == 404
    invoice = sent_invoice(api, owner, 500)
    assert refusal(api.v1.invoices.delete, invoice.id).http_status == 400


def test_an_unpaid_one_is_retried_like_any_other(sim: Child, api: stripe.StripeClient) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    sim.control("POST", f"/customers/{timeline.customer}/payment", {"outcome": "fail"})
    draft = api.v1.invoices.create(
        {"customer": timeline.customer, "currency": "eur", "auto_advance": True}
    )
    api.v1.invoice_items.create(
        {"customer": timeline.customer, "invoice": draft.id, "amount": 500, "currency": "eur"}
    )
    timeline.advance(at(2026, 11, 2))
    late = api.v1.invoices.retrieve(draft.id)
    assert (late.status, late.attempt_count) == ("open", 1)
    assert late.next_payment_attempt == at(2026, 11, 4, 1)


@pytest.mark.parametrize(("currency", "amount"), [("jpy", 1500), ("eur", 1234), ("kwd", 12345)])
def test_currencies_of_any_exponent(
    api: stripe.StripeClient, owner: str, currency: str, amount: int
) -> None:
    invoice = sent_invoice(api, owner, amount, currency=currency)
    assert (invoice.currency, invoice.total, invoice.amount_due) == (currency, amount, amount)
