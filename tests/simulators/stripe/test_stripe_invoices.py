"""Invoices, invoice items, taxes and credit notes through the SDK."""

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, Shop, plain


def customer(api: stripe.StripeClient) -> str:
    return api.v1.customers.create({"name": "Ada", "email": "ada@example.com"}).id


def open_invoice(api: stripe.StripeClient, owner: str, *amounts: int) -> stripe.Invoice:
    """A sent invoice with one item an amount."""
    draft = api.v1.invoices.create(
        {
            "customer": owner,
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "currency": "eur",
        }
    )
    for amount in amounts:
        api.v1.invoice_items.create(
            {
                "customer": owner,
                "invoice": draft.id,
                "amount": amount,
                "currency": "eur",
                "description": f"Item of {amount}",
            }
        )
    return api.v1.invoices.finalize_invoice(draft.id)


def test_tax_is_computed_by_line(api: stripe.StripeClient, shop: Shop) -> None:
    rate = api.v1.tax_rates.create({"display_name": "USt", "percentage": 19, "inclusive": False}).id
    subscription = api.v1.subscriptions.create(
        {
            "customer": customer(api),
            "items": [{"price": shop.basic, "quantity": 3}, {"price": shop.pro}],
            "default_tax_rates": [rate],
            "expand": ["latest_invoice"],
        }
    )
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (5500, 6545, 5500)
    assert [plain(line)["taxes"][0]["amount"] for line in invoice.lines.data] == [570, 475]
    assert plain(invoice)["total_taxes"] == [
        {
            "amount": 1045,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": rate},
            "taxability_reason": "not_available",
            "taxable_amount": 5500,
            "type": "tax_rate_details",
        }
    ]


def test_an_items_own_inclusive_rate_wins(api: stripe.StripeClient, shop: Shop) -> None:
    def rate(percentage: float, inclusive: bool) -> str:
        made = api.v1.tax_rates.create(
            {"display_name": "T", "percentage": percentage, "inclusive": inclusive}
        )
        return made.id

    subscription = api.v1.subscriptions.create(
        {
            "customer": customer(api),
            "items": [{"price": shop.basic, "tax_rates": [rate(25, inclusive=True)]}],
            "default_tax_rates": [rate(19, inclusive=False)],
            "expand": ["latest_invoice"],
        }
    )
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.total, invoice.total_excluding_tax) == (1000, 800)


def test_reverse_charge_customers_pay_no_tax(api: stripe.StripeClient, shop: Shop) -> None:
    owner = api.v1.customers.create({"name": "GmbH", "tax_exempt": "reverse"}).id
    rate = api.v1.tax_rates.create({"display_name": "T", "percentage": 19, "inclusive": False})
    subscription = api.v1.subscriptions.create(
        {
            "customer": owner,
            "items": [{"price": shop.basic}],
            "default_tax_rates": [rate.id],
            "expand": ["latest_invoice"],
        }
    )
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.total == 1000
    assert plain(invoice)["total_taxes"][0]["taxability_reason"] == "reverse_charge"


def test_an_invoice_shows_ten_lines_and_pages_the_rest(api: stripe.StripeClient) -> None:
    invoice = open_invoice(api, customer(api), *range(1, 26))
    assert len(invoice.lines.data) == 10
    assert invoice.lines.has_more
    pages = api.v1.invoices.line_items.list(invoice.id, {"limit": 7})
    assert [line.amount for line in pages.auto_paging_iter()] == list(range(1, 26))
    last = api.v1.invoices.line_items.list(invoice.id).data[4].id
    before = api.v1.invoices.line_items.list(invoice.id, {"ending_before": last, "limit": 2})
    assert [line.amount for line in before.data] == [3, 4]


def test_a_sent_invoice_is_open_until_paid_void_or_given_up(api: stripe.StripeClient) -> None:
    owner = customer(api)
    paid, void, lost = (open_invoice(api, owner, 500) for _ in range(3))
    assert paid.status == "open"
    assert paid.due_date == paid.created + 30 * 86_400
    assert api.v1.invoices.pay(paid.id, {"paid_out_of_band": True}).status == "paid"
    assert api.v1.invoices.void_invoice(void.id).status == "void"
    assert api.v1.invoices.mark_uncollectible(lost.id).status == "uncollectible"
    with pytest.raises(stripe.InvalidRequestError, match="`paid` payments"):
        api.v1.invoices.void_invoice(paid.id)
    numbers = [invoice.number or "" for invoice in (paid, void, lost)]
    assert [number.rpartition("-")[2] for number in numbers] == ["0001", "0002", "0003"]


def test_pending_items_join_a_manual_invoice_only_when_asked(api: stripe.StripeClient) -> None:
    owner = customer(api)
    item = api.v1.invoice_items.create({"customer": owner, "amount": 700, "currency": "eur"})
    bare = api.v1.invoices.create({"customer": owner, "currency": "eur"})
    assert bare.total == 0
    full = api.v1.invoices.create(
        {
            "customer": owner,
            "currency": "eur",
            "pending_invoice_items_behavior": "include",
        }
    )
    assert full.total == 700
    changed = api.v1.invoice_items.update(item.id, {"amount": 800})
    assert changed.invoice == full.id
    assert api.v1.invoices.retrieve(full.id).total == 800
    api.v1.invoices.delete(full.id)
    assert api.v1.invoice_items.retrieve(item.id).invoice is None
    api.v1.invoice_items.delete(item.id)
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.invoice_items.retrieve(item.id)
    assert gone.value.http_status == 404


def test_a_credit_note_on_an_open_invoice_lowers_it(api: stripe.StripeClient) -> None:
    invoice = open_invoice(api, customer(api), 1000, 500)
    line = invoice.lines.data[0].id
    note = api.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": [{"type": "invoice_line_item", "invoice_line_item": line, "amount": 400}],
        }
    )
    assert (note.type, note.pre_payment_amount, note.total) == ("pre_payment", 400, 400)
    assert note.number == f"{invoice.number}-CN-01"
    assert api.v1.invoices.retrieve(invoice.id).amount_remaining == 1100
    assert api.v1.credit_notes.void_credit_note(note.id).status == "void"
    assert api.v1.invoices.retrieve(invoice.id).amount_remaining == 1500
    api.v1.credit_notes.create({"invoice": invoice.id, "amount": 1500})
    assert api.v1.invoices.retrieve(invoice.id).status == "paid"


def test_a_credit_note_on_a_paid_invoice_says_where_the_money_goes(
    api: stripe.StripeClient,
) -> None:
    owner = customer(api)
    invoice = open_invoice(api, owner, 1000)
    api.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 300})
    note = api.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 300, "credit_amount": 100, "refund_amount": 200}
    )
    assert (note.type, note.post_payment_amount) == ("post_payment", 300)
    assert api.v1.customers.retrieve(owner).balance == -100
    with pytest.raises(stripe.InvalidRequestError, match="creditable"):
        api.v1.credit_notes.create({"invoice": invoice.id, "amount": 701, "credit_amount": 701})
    with pytest.raises(stripe.InvalidRequestError, match="whose invoice is open"):
        api.v1.credit_notes.void_credit_note(note.id)


def test_a_credit_note_takes_the_tax_of_its_line_along(
    api: stripe.StripeClient, shop: Shop
) -> None:
    rate = api.v1.tax_rates.create({"display_name": "T", "percentage": 19, "inclusive": False})
    subscription = api.v1.subscriptions.create(
        {
            "customer": customer(api),
            "items": [{"price": shop.basic, "quantity": 3}],
            "default_tax_rates": [rate.id],
            "expand": ["latest_invoice"],
        }
    )
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    note = api.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": [
                {
                    "type": "invoice_line_item",
                    "invoice_line_item": invoice.lines.data[0].id,
                    "quantity": 1,
                },
            ],
            "credit_amount": 1190,
        }
    )
    assert (note.subtotal, note.total) == (1000, 1190)
    assert "total_count" not in plain(note)["lines"]
    [line] = plain(api.v1.credit_notes.line_items.list(note.id))["data"]
    assert line == plain(note)["lines"]["data"][0]
    assert (line["tax_rates"][0]["id"], line["taxes"][0]["amount"]) == (rate.id, 190)
    bare = api.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 100, "out_of_band_amount": 100}
    )
    assert "invoice_line_item" not in plain(bare)["lines"]["data"][0]
    found = api.v1.credit_notes.list({"invoice": invoice.id}).data
    assert [entry.id for entry in found] == [bare.id, note.id]


def test_a_customers_balance_pays_the_next_invoice(api: stripe.StripeClient) -> None:
    owner = api.v1.customers.create({"name": "Ada", "balance": -600}).id
    invoice = open_invoice(api, owner, 1000)
    assert (invoice.starting_balance, invoice.amount_due, invoice.ending_balance) == (-600, 400, 0)
    assert api.v1.customers.retrieve(owner).balance == 0


def test_lists_page_in_both_directions(api: stripe.StripeClient) -> None:
    owner = customer(api)
    made = [open_invoice(api, owner, 100).id for _ in range(5)]
    newest_first = list(reversed(made))
    listed = api.v1.invoices.list({"customer": owner, "limit": 2})
    assert [invoice.id for invoice in listed.auto_paging_iter()] == newest_first
    back = api.v1.invoices.list({"customer": owner, "ending_before": made[0], "limit": 2})
    assert [invoice.id for invoice in back.data] == newest_first[2:4]
    assert back.has_more
    expanded = api.v1.invoices.list({"customer": owner, "expand": ["data.customer"], "limit": 1})
    assert plain(expanded.data[0])["customer"]["id"] == owner
    with pytest.raises(stripe.InvalidRequestError, match=r"data\.customer"):
        api.v1.invoices.list({"customer": owner, "expand": ["customer"]})


def test_refusals_are_in_stripes_words(sim: Child, api: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.invoices.retrieve("in_missing")
    assert (gone.value.http_status, gone.value.code) == (404, "resource_missing")
    assert gone.value.request_id is not None
    assert gone.value.request_id.startswith("req_")
    with pytest.raises(stripe.InvalidRequestError) as bad:
        api.v1.credit_notes.create({"invoice": "in_missing", "amount": 1})
    assert (bad.value.http_status, bad.value.param) == (400, "invoice")
    live = stripe.StripeClient("sk_live_no", base_addresses={"api": sim.url})
    with pytest.raises(stripe.AuthenticationError):
        live.v1.customers.list()
