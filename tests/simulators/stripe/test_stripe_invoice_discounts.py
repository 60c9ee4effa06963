"""Discounts of single invoices and of their items."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Json,
    Timeline,
    at,
    draft_invoice,
    euros,
    make_timeline,
    new_rate,
    percent,
    plain,
    refusal,
    sent_invoice,
)


@pytest.fixture
def timeline(api: stripe.StripeClient) -> Timeline:
    return make_timeline(api, at(2026, 11, 1))


def totals(invoice: Json) -> tuple[int, int, int]:
    """Subtotal, all discounts, and total without tax."""
    off = sum(one["amount"] for one in invoice["total_discount_amounts"])
    return invoice["subtotal"], off, invoice["total_excluding_tax"]


def cuts(invoice: Json) -> list[list[int]]:
    return [
        [one["amount"] for one in line["discount_amounts"]] for line in invoice["lines"]["data"]
    ]


def test_a_fixed_amount_is_spread_over_the_lines(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    draft = draft_invoice(
        api, timeline.customer, 1000, 1000, 1000, discounts=[{"coupon": euros(api, 100)}]
    )
    invoice = plain(api.v1.invoices.finalize_invoice(draft))
    assert cuts(invoice) == [[33], [34], [33]]
    assert totals(invoice) == (3000, 100, 2900)


def test_a_fixed_amount_takes_no_more_than_there_is(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    invoice = plain(
        sent_invoice(api, timeline.customer, 700, discounts=[{"coupon": euros(api, 1000)}])
    )
    assert totals(invoice) == (700, 700, 0)
    assert (invoice["status"], invoice["total"]) == ("paid", 0)
    assert api.v1.customers.retrieve(timeline.customer).balance == 0


def test_an_invoice_item_with_its_own_discount(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    draft = draft_invoice(api, timeline.customer, 1000)
    item = api.v1.invoice_items.create(
        {
            "customer": timeline.customer,
            "invoice": draft,
            "amount": 400,
            "discounts": [{"coupon": percent(api, 25)}],
        }
    )
    assert (item.amount, item.net_amount, len(item.discounts or [])) == (400, None, 1)
    invoice = plain(api.v1.invoices.retrieve(draft))
    assert (totals(invoice), cuts(invoice)) == ((1300, 100, 1300), [[], [100]])
    api.v1.invoice_items.update(item.id, {"discounts": ""})
    assert api.v1.invoices.retrieve(draft).total == 1400


def test_what_is_not_discountable_is_passed_by(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    draft = draft_invoice(
        api, timeline.customer, 1000, -200, discounts=[{"coupon": percent(api, 20)}]
    )
    fixed = api.v1.invoice_items.create(
        {
            "customer": timeline.customer,
            "invoice": draft,
            "amount": 500,
            "discountable": False,
        }
    )
    assert fixed.net_amount == 500
    invoice = plain(api.v1.invoices.retrieve(draft))
    assert [line["discountable"] for line in invoice["lines"]["data"]] == [True, False, False]
    assert (totals(invoice), cuts(invoice)) == ((1300, 200, 1100), [[200], [], []])


def test_discounts_of_a_draft_can_change(api: stripe.StripeClient, timeline: Timeline) -> None:
    draft = draft_invoice(api, timeline.customer, 1000)
    first = percent(api, 10)
    one = api.v1.invoices.update(draft, {"discounts": [{"coupon": first}]})
    assert one.total == 900
    [kept] = plain(one)["discounts"]
    both = api.v1.invoices.update(
        draft, {"discounts": [{"discount": kept}, {"coupon": euros(api, 50)}]}
    )
    assert (both.total, plain(both)["discounts"][0]) == (850, kept)
    assert api.v1.invoices.update(draft, {"discounts": ""}).total == 1000
    final = api.v1.invoices.finalize_invoice(draft)
    error = refusal(api.v1.invoices.update, final.id, {"discounts": ""})
    assert error.code == "invoice_not_editable"


def test_inclusive_tax_is_inside_of_what_is_left(
    api: stripe.StripeClient, timeline: Timeline
) -> None:
    rate = new_rate(api, inclusive=True)
    draft = draft_invoice(
        api,
        timeline.customer,
        1190,
        default_tax_rates=[rate],
        discounts=[{"coupon": percent(api, 50)}],
    )
    invoice = plain(api.v1.invoices.finalize_invoice(draft))
    assert (invoice["subtotal"], invoice["subtotal_excluding_tax"]) == (1190, 1000)
    assert (invoice["total"], invoice["total_excluding_tax"]) == (595, 500)
    assert invoice["total_taxes"][0]["amount"] == 95


@pytest.mark.parametrize(
    ("currency", "amount", "off", "total"), [("jpy", 1001, 150, 851), ("kwd", 12345, 1852, 10493)]
)
def test_currencies_of_other_exponents(
    api: stripe.StripeClient, currency: str, amount: int, off: int, total: int
) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    form: Any = {"currency": currency, "discounts": [{"coupon": percent(api, 15)}]}
    invoice = plain(sent_invoice(api, owner, amount, **form))
    assert totals(invoice) == (amount, off, total)
