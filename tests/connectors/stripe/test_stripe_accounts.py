"""Who pays, as Stripe keeps it."""

import pytest
import stripe

from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId, TaxStatus
from canonical_models.failures import Rejection, RejectionCode
from connectors.stripe.adapter import StripeBilling


async def test_a_customer_with_address_and_tax_ids(
    billing: StripeBilling, sdk: stripe.StripeClient
) -> None:
    customer = sdk.v1.customers.create(
        {
            "name": "Ada GmbH",
            "email": "ada@example.com",
            "tax_exempt": "reverse",
            "metadata": {"unit": "north"},
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
        tax_ids=(TaxId(kind="eu_vat", value="DE123456789", country="DE", verified=None),),
        tax_status=TaxStatus.REVERSE_CHARGE,
        metadata={"unit": "north"},
    )


@pytest.mark.parametrize(("value", "verified"), [("DE000000000", True), ("DE111111111", False)])
async def test_what_stripes_check_of_a_tax_id_found(
    billing: StripeBilling, sdk: stripe.StripeClient, value: str, verified: bool
) -> None:
    customer = sdk.v1.customers.create({"name": "Ada GmbH"}).id
    sdk.v1.customers.tax_ids.create(customer, {"type": "eu_vat", "value": value})
    (found,) = (await billing.account(customer)).tax_ids
    assert found == TaxId(kind="eu_vat", value=value, country="DE", verified=verified)


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


async def test_a_customer_that_is_gone(billing: StripeBilling, sdk: stripe.StripeClient) -> None:
    customer = sdk.v1.customers.create({"name": "Ada GmbH"}).id
    sdk.v1.customers.delete(customer)
    with pytest.raises(Rejection, match=f"{customer} was deleted") as caught:
        await billing.account(customer)
    assert (caught.value.reason, caught.value.subject) == (
        RejectionCode.ACCOUNT_UNMAPPED,
        customer,
    )


@pytest.mark.parametrize("key", ["cus_unknown", "../subscriptions", "", "a b"])
async def test_an_unknown_customer(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection, match="customer") as caught:
        await billing.account(key)
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, key)
