"""Tax ids of customers."""

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import at, event_types, last_event, make_timeline, plain


def test_a_customer_is_made_with_its_tax_ids(api: stripe.StripeClient) -> None:
    before = last_event(api)["id"]
    owner = api.v1.customers.create(
        {
            "name": "Ada GmbH",
            "tax_id_data": [
                {"type": "eu_vat", "value": "DE123456789"},
                {"type": "gb_vat", "value": "GB000000000"},
                {"type": "us_ein", "value": "12-3456789"},
            ],
            "expand": ["tax_ids"],
        }
    )
    assert event_types(api, before) == ["customer.created", *["customer.tax_id.created"] * 3]
    assert owner.tax_ids is not None
    found = [plain(entry) for entry in reversed(owner.tax_ids.data)]
    assert [(f["country"], f["verification"]["status"]) for f in found] == [
        ("DE", "pending"),
        ("GB", "verified"),
        ("US", "unavailable"),
    ]
    assert found[0]["id"].startswith("txi_")
    assert (found[0]["customer"], found[0]["owner"]["type"]) == (owner.id, "customer")
    assert "tax_ids" not in plain(api.v1.customers.retrieve(owner.id))


def test_tax_ids_come_and_go(api: stripe.StripeClient) -> None:
    timeline = make_timeline(api, at(2026, 11, 1))
    kept, dropped = (
        api.v1.customers.tax_ids.create(timeline.customer, {"type": "eu_vat", "value": value})
        for value in ("EL094259216", "ATU12345678")
    )
    assert (kept.country, kept.created) == ("GR", at(2026, 11, 1))
    listed = api.v1.customers.tax_ids.list(timeline.customer, {"limit": 1})
    assert [found.id for found in listed.auto_paging_iter()] == [dropped.id, kept.id]
    assert api.v1.customers.tax_ids.retrieve(timeline.customer, dropped.id).value == "ATU12345678"
    assert api.v1.customers.tax_ids.delete(timeline.customer, dropped.id).deleted is True
    event = last_event(api, "customer.tax_id.deleted")
    assert (event["data"]["object"]["id"], event["created"]) == (dropped.id, at(2026, 11, 1))
    full = api.v1.customers.retrieve(timeline.customer, {"expand": ["tax_ids"]})
    assert full.tax_ids is not None
    assert [found.id for found in full.tax_ids.data] == [kept.id]


def test_a_tax_id_belongs_to_one_customer(api: stripe.StripeClient) -> None:
    one, other = (api.v1.customers.create({"name": name}).id for name in ("Ada", "Eve"))
    made = api.v1.customers.tax_ids.create(one, {"type": "de_stn", "value": "1234567890"})
    with pytest.raises(stripe.InvalidRequestError) as gone:
        api.v1.customers.tax_ids.delete(other, made.id)
    assert (gone.value.http_status, gone.value.code) == (404, "resource_missing")
    assert api.v1.customers.tax_ids.list(one).data


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [("eu_vat", "US123", "tax_id_invalid"), ("eu_vat", "DE", "tax_id_invalid"), ("xx", "1", None)],
)
def test_a_malformed_tax_id_is_refused(
    api: stripe.StripeClient, kind: str, value: str, code: str | None
) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.customers.tax_ids.create(owner, {"type": kind, "value": value})
    assert refused.value.code == code


def test_an_invoice_keeps_the_tax_ids_it_was_finalized_with(api: stripe.StripeClient) -> None:
    owner = api.v1.customers.create({"name": "Ada"}).id
    draft = api.v1.invoices.create({"customer": owner, "currency": "eur"})
    made = api.v1.customers.tax_ids.create(owner, {"type": "eu_vat", "value": "FR12345678901"})
    final = api.v1.invoices.finalize_invoice(draft.id)
    wanted = [{"type": "eu_vat", "value": "FR12345678901"}]
    assert plain(final)["customer_tax_ids"] == wanted
    api.v1.customers.tax_ids.delete(owner, made.id)
    assert plain(api.v1.invoices.retrieve(final.id))["customer_tax_ids"] == wanted
