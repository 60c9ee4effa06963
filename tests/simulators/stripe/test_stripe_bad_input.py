"""Nonsense is refused in Stripe's envelope, never a 500 and never half an effect."""

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, Shop

HUGE = str(10**17)
FORMS: list[tuple[str, dict[str, str]]] = [
    ("subscriptions", {"customer": "CUSTOMER"}),
    ("subscriptions", {"customer": "CUSTOMER", "items": "x"}),
    ("subscriptions", {"customer": "CUSTOMER", "items[a][price]": "PRICE"}),
    ("subscriptions", {"customer": "CUSTOMER", "items[0][price]": "price_none"}),
    ("subscriptions", {"customer": "CUSTOMER", "items[0][price]": "PRODUCT"}),
    ("subscriptions", {"customer": "CUSTOMER", "items[0][price]": "PRICE", "trial_end": HUGE}),
    ("subscriptions", {"customer": "CUSTOMER", "items[0][price]": "PRICE", "trial_end": "1"}),
    (
        "subscriptions",
        {"customer": "CUSTOMER", "items[0][price]": "PRICE", "billing_cycle_anchor": "9" * 10},
    ),
    (
        "subscriptions",
        {"customer": "CUSTOMER", "items[0][price]": "PRICE", "items[0][quantity]": HUGE},
    ),
    (
        "subscriptions",
        {"customer": "CUSTOMER", "items[0][price]": "PRICE", "items[0][quantity]": "-1"},
    ),
    (
        "subscriptions",
        {"customer": "CUSTOMER", "items[0][price]": "PRICE", "items[1][price]": "PRICE"},
    ),
    (
        "subscriptions",
        {"customer": "CUSTOMER", "items[0][price]": "PRICE", "items[1][price]": "YEARLY"},
    ),
    ("prices", {"product": "PRODUCT", "currency": "euro", "unit_amount": "1"}),
    ("prices", {"product": "PRODUCT", "currency": "eur"}),
    ("prices", {"product": "PRODUCT", "currency": "eur", "unit_amount": "-1"}),
    ("prices", {"product": "PRODUCT", "currency": "eur", "unit_amount_decimal": "1e400"}),
    ("tax_rates", {"display_name": "T", "percentage": "101", "inclusive": "true"}),
    ("tax_rates", {"display_name": "T", "percentage": "1"}),
    ("invoiceitems", {"customer": "CUSTOMER", "amount": "1"}),
    ("invoiceitems", {"customer": "CUSTOMER", "amount": HUGE, "currency": "eur"}),
    (
        "invoiceitems",
        {
            "customer": "CUSTOMER",
            "amount": "1",
            "currency": "eur",
            "period[start]": "x",
            "period[end]": "2",
        },
    ),
    ("invoices", {"customer": "CUSTOMER"}),
    ("invoices/create_preview", {"customer": "CUSTOMER"}),
    ("credit_notes", {"invoice": "in_none", "amount": "1"}),
    ("customers", {"metadata[" + "k" * 41 + "]": "v"}),
    ("customers", {"metadata[k]": "v" * 501}),
    ("customers", {"metadata": "x"}),
    ("webhook_endpoints", {"url": "http://127.0.0.1:1/", "enabled_events": ""}),
    ("test_helpers/test_clocks", {"frozen_time": HUGE}),
    ("test_helpers/test_clocks", {}),
]


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_it_is_refused(
    sim: Child, api: stripe.StripeClient, shop: Shop, path: str, form: dict[str, str]
) -> None:
    names = {
        "CUSTOMER": api.v1.customers.create({"name": "Ada"}).id,
        "PRICE": shop.basic,
        "YEARLY": shop.yearly,
        "PRODUCT": shop.product,
    }
    newest = api.v1.events.list({"limit": 1}).data[0].id
    answer = httpx.post(
        f"{sim.url}/v1/{path}",
        data={key: names.get(value, value) for key, value in form.items()},
        headers={"Authorization": "Bearer sk_test_x"},
        trust_env=False,
    )
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"]
    assert api.v1.events.list({"limit": 1}).data[0].id == newest
