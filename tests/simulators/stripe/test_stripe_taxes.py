"""Tax on invoices: exclusive and inclusive, several rates, exempt customers, rounding by line."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Json, draft_invoice, new_rate, plain


@pytest.fixture
def owner(api: stripe.StripeClient) -> str:
    return api.v1.customers.create({"name": "Ada"}).id


def bill(
    api: stripe.StripeClient, owner: str, rates: list[str], *amounts: int, **more: Any
) -> Json:
    draft = draft_invoice(api, owner, *amounts, default_tax_rates=rates, **more)
    return plain(api.v1.invoices.finalize_invoice(draft))


def taxes(invoice: Json) -> list[list[int]]:
    return [[tax["amount"] for tax in line["taxes"]] for line in invoice["lines"]["data"]]


def test_tax_is_rounded_on_each_line(api: stripe.StripeClient, owner: str) -> None:
    # 19 % of 0.50 is 9.5 cents: ten on each line, and not 29 on the three together.
    invoice = bill(api, owner, [new_rate(api)], 50, 50, 50)
    assert taxes(invoice) == [[10], [10], [10]]
    assert (invoice["total"], invoice["total_taxes"][0]["amount"]) == (180, 30)
    assert invoice["total_taxes"][0]["taxable_amount"] == 150


def test_several_rates_are_told_apart(api: stripe.StripeClient, owner: str) -> None:
    state, city = new_rate(api, 6.25), new_rate(api, 2.5)
    invoice = bill(api, owner, [state, city], 999)
    assert taxes(invoice) == [[62, 25]]
    assert invoice["total"] == 999 + 62 + 25
    assert {
        tax["tax_rate_details"]["tax_rate"]: (tax["amount"], tax["taxable_amount"])
        for tax in invoice["total_taxes"]
    } == {state: (62, 999), city: (25, 999)}


def test_inclusive_rates_share_the_price(api: stripe.StripeClient, owner: str) -> None:
    invoice = bill(
        api, owner, [new_rate(api, 19, inclusive=True), new_rate(api, 1, inclusive=True)], 1200
    )
    assert taxes(invoice) == [[190, 10]]
    assert (invoice["total"], invoice["total_excluding_tax"]) == (1200, 1000)
    assert (invoice["subtotal"], invoice["subtotal_excluding_tax"]) == (1200, 1000)
    assert [tax["tax_behavior"] for tax in invoice["total_taxes"]] == ["inclusive", "inclusive"]


def test_each_line_may_have_rates_of_its_own(api: stripe.StripeClient, owner: str) -> None:
    full, reduced, none = new_rate(api, 19), new_rate(api, 7), new_rate(api, 0)
    draft = draft_invoice(api, owner, 1000, default_tax_rates=[full])
    for rates in ([reduced], [none]):
        api.v1.invoice_items.create(
            {"customer": owner, "invoice": draft, "amount": 1000, "tax_rates": rates}
        )
    invoice = plain(api.v1.invoices.finalize_invoice(draft))
    assert taxes(invoice) == [[190], [70], [0]]
    assert invoice["total"] == 3260


def test_no_rate_is_no_tax_and_not_an_unknown_one(api: stripe.StripeClient, owner: str) -> None:
    invoice = bill(api, owner, [], 1000)
    assert (taxes(invoice), invoice["total_taxes"]) == ([[]], [])
    assert invoice["automatic_tax"]["enabled"] is False
    assert (invoice["total"], invoice["total_excluding_tax"]) == (1000, 1000)


@pytest.mark.parametrize(
    ("exempt", "reason"), [("exempt", "customer_exempt"), ("reverse", "reverse_charge")]
)
@pytest.mark.parametrize("inclusive", [True, False])
def test_who_pays_no_tax(
    api: stripe.StripeClient, exempt: Any, reason: str, inclusive: bool
) -> None:
    owner = api.v1.customers.create({"name": "GmbH", "tax_exempt": exempt}).id
    invoice = bill(api, owner, [new_rate(api, inclusive=inclusive)], 1190)
    [tax] = invoice["total_taxes"]
    assert (tax["amount"], tax["taxable_amount"], tax["taxability_reason"]) == (0, 1190, reason)
    assert (invoice["total"], invoice["total_excluding_tax"]) == (1190, 1190)
    assert invoice["subtotal_excluding_tax"] == 1190
    note = plain(
        api.v1.credit_notes.create(
            {
                "invoice": invoice["id"],
                "lines": [
                    {
                        "type": "custom_line_item",
                        "description": "Courtesy",
                        "quantity": 1,
                        "unit_amount": 100,
                        "tax_rates": [tax["tax_rate_details"]["tax_rate"]],
                    }
                ],
            }
        )
    )
    assert (note["total"], note["total_taxes"][0]["taxability_reason"]) == (100, reason)


def test_a_credit_line_mirrors_the_tax_of_a_debit(api: stripe.StripeClient, owner: str) -> None:
    invoice = bill(api, owner, [new_rate(api, 19.5)], 333, -333)
    [debit], [credit] = taxes(invoice)
    assert (debit, credit, invoice["total"]) == (65, -65, 0)


@pytest.mark.parametrize(
    ("currency", "amount", "tax"), [("jpy", 1001, 100), ("huf", 1001, 100), ("kwd", 10005, 1001)]
)
def test_tax_is_in_the_minor_unit_of_the_currency(
    api: stripe.StripeClient, owner: str, currency: str, amount: int, tax: int
) -> None:
    invoice = bill(api, owner, [new_rate(api, 10)], amount, currency=currency)
    assert (taxes(invoice), invoice["total"]) == ([[tax]], amount + tax)


def test_the_balance_comes_after_the_tax(api: stripe.StripeClient, owner: str) -> None:
    api.v1.customers.balance_transactions.create(owner, {"amount": -100, "currency": "eur"})
    invoice = bill(api, owner, [new_rate(api)], 1000)
    assert (invoice["total"], invoice["amount_due"]) == (1190, 1090)
    assert invoice["total_taxes"][0]["taxable_amount"] == 1000
