"""Who pays, as Stripe keeps it."""

import httpx
import pytest
import stripe

from canonical_models.commerce import AccountProfile, PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling


async def test_a_customer_with_address_and_tax_ids(
    billing: StripeBilling, sdk: stripe.StripeClient
) -> None:
    customer = sdk.v1.customers.create(
        {
            "name": "Ada GmbH",
            "email": "ada@example.com",
            "address": {
                "line1": "Allee 1",
                "line2": "Hof",
                "postal_code": "10115",
                "city": "Berlin",
                "country": "DE",
            },
        }
    )
    sdk.v1.customers.tax_ids.create(customer.id, {"type": "eu_vat", "value": "DE123456789"})
    assert await billing.account(customer.id) == AccountProfile(
        customer_id=customer.id,
        name="Ada GmbH",
        email="ada@example.com",
        address=PostalAddress(
            lines=("Allee 1", "Hof"), postal_code="10115", city="Berlin", country="DE"
        ),
        tax_ids=(TaxId(kind="eu_vat", value="DE123456789"),),
    )


async def test_a_customer_without_a_name_goes_by_its_email(
    billing: StripeBilling, sdk: stripe.StripeClient
) -> None:
    customer = sdk.v1.customers.create({"email": "ada@example.com"})
    assert (await billing.account(customer.id)).name == "ada@example.com"


async def test_a_customer_that_nothing_names(
    billing: StripeBilling, sdk: stripe.StripeClient
) -> None:
    customer = sdk.v1.customers.create({})
    with pytest.raises(Rejection, match="give it a name") as caught:
        await billing.account(customer.id)
    assert (caught.value.reason, caught.value.subject) == (
        RejectionCode.BILLING_REFUSED,
        customer.id,
    )


async def test_a_customer_that_is_gone(stripe_config: ConnectionConfig) -> None:
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=gone))
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(Rejection, match="cus_1 was deleted") as caught:
            await billing.account("cus_1")
    assert caught.value.reason is RejectionCode.BILLING_REFUSED


@pytest.mark.parametrize("key", ["cus_unknown", "../subscriptions", "", "a b"])
async def test_an_unknown_customer(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection, match="customer") as caught:
        await billing.account(key)
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, key)
