"""Tax by where the customer is, and search."""

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Shop, at, make_timeline, refusal

NOVEMBER = at(2026, 11, 1)


@pytest.mark.parametrize(
    ("address", "vat", "tax", "reason", "kind"),
    [
        ({"country": "DE"}, None, 190, "standard_rated", "vat"),
        ({"country": "FR"}, None, 200, "standard_rated", "vat"),
        ({"country": "FR"}, "FR00000000000", 0, "reverse_charge", "vat"),
        ({"country": "US", "state": "TX"}, None, 83, "standard_rated", "sales_tax"),
        ({"country": "US", "state": "OR"}, None, 0, "not_collecting", "sales_tax"),
    ],
)
def test_a_rate_is_found_by_the_place(
    api: stripe.StripeClient,
    shop: Shop,
    address: Any,
    vat: str | None,
    tax: int,
    reason: str,
    kind: str,
) -> None:
    time = make_timeline(api, NOVEMBER)
    api.v1.customers.update(time.customer, {"address": address})
    if vat:
        api.v1.customers.tax_ids.create(time.customer, {"type": "eu_vat", "value": vat})
    form: Any = {"customer": time.customer, "items": [{"price": shop.basic}]}
    sold = api.v1.subscriptions.create(form | {"automatic_tax": {"enabled": True}})
    invoice = api.v1.invoices.retrieve(str(sold.latest_invoice))
    assert (invoice.total, invoice.automatic_tax.status) == (1000 + tax, "complete")
    (line,) = invoice.lines.data
    (found,) = list(line.taxes or [])
    assert (found.amount, found.taxability_reason) == (tax, reason)
    assert found.tax_rate_details is not None
    rate = api.v1.tax_rates.retrieve(str(found.tax_rate_details.tax_rate))
    assert (rate.country, rate.tax_type, rate.active) == (address["country"], kind, False)


def test_without_a_place_nothing_is_sold_or_calculated(
    api: stripe.StripeClient, shop: Shop
) -> None:
    time = make_timeline(api, NOVEMBER)
    form: Any = {
        "customer": time.customer,
        "items": [{"price": shop.basic}],
        "automatic_tax": {"enabled": True},
    }
    assert refusal(api.v1.subscriptions.create, form).code == "customer_tax_location_invalid"
    draft = api.v1.invoices.create(
        {"customer": time.customer, "currency": "eur", "automatic_tax": {"enabled": True}}
    )
    assert draft.automatic_tax.status == "requires_location_inputs"
    final = api.v1.invoices.finalize_invoice(draft.id)
    told = final.automatic_tax
    assert (told.enabled, told.disabled_reason) == (
        False,
        "finalization_requires_location_inputs",
    )


def test_rates_by_hand_go_before(api: stripe.StripeClient, shop: Shop) -> None:
    time = make_timeline(api, NOVEMBER)
    api.v1.customers.update(time.customer, {"address": {"country": "DE"}})
    rate = api.v1.tax_rates.create({"display_name": "VAT", "percentage": 7, "inclusive": False})
    form: Any = {
        "customer": time.customer,
        "items": [{"price": shop.basic, "tax_rates": [rate.id]}],
        "automatic_tax": {"enabled": True},
    }
    sold = api.v1.subscriptions.create(form)
    assert api.v1.invoices.retrieve(str(sold.latest_invoice)).total == 1070


def test_search(api: stripe.StripeClient) -> None:
    made = [
        api.v1.customers.create({"name": name, "email": f"{name}@example.com", "metadata": said})
        for name, said in (("Zoe", {"crm": "z-1"}), ("Zora", {"crm": "z-2"}), ("Zadok", {}))
    ]
    ids = [each.id for each in made]

    def found(query: str) -> list[str]:
        hits = {each.id for each in api.v1.customers.search({"query": query}).data}
        return [key for key in ids if key in hits]

    assert found("name:'Zoe'") == ids[:1]
    assert found("metadata['crm']:'z-2'") == ids[1:2]
    assert found("name~'zo'") == ids[:2]
    assert found("name:'Zoe' OR name:\"Zadok\"") == [ids[0], ids[2]]
    assert found("name~'z' AND -name:'Zoe'") == ids[1:]
    assert found(f"created>={made[0].created} name~'za'") == ids[2:]
    assert found("name:'Zoe' AND phone:null") == ids[:1]
    first = api.v1.customers.search({"query": "email~'example.com'", "limit": 1})
    assert first.has_more
    second = api.v1.customers.search(
        {"query": "email~'example.com'", "limit": 1, "page": str(first.next_page)}
    )
    assert second.data[0].id != first.data[0].id
    for wrong in ("name", "name:'a' AND b:'c' OR d:'e'", "created>'soon'"):
        assert refusal(api.v1.customers.search, {"query": wrong}).param == "query"
