"""Stripe's customers as they travel, and what moves their invoice balance.

Source: https://docs.stripe.com/api/customers/object, https://docs.stripe.com/api/tax_ids,
https://docs.stripe.com/api/customer_balance_transactions.
"""

from typing import Annotated, Literal

from pydantic import Field

from canonical_models.base import Identifier
from connectors.stripe.wire import CurrencyCode, Identified, Page, UnixTime, Wire
from connectors.stripe.words import TaxExempt


class Address(Wire):
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None


class TaxLocation(Wire):
    country: str | None = None


class CustomerTax(Wire):
    location: TaxLocation | None = None


class Customer(Identified):
    """As much of a customer as its subscription shows. A deleted one has nothing but its id."""

    deleted: bool = False
    currency: CurrencyCode | None = None
    address: Address | None = None
    tax: CustomerTax | None = None
    tax_exempt: TaxExempt = None


class Verification(Wire):
    #: Which tax rule a customer has depends on it.
    status: Literal["pending", "unavailable", "unverified", "verified"] | None = None


class TaxId(Identified):
    type: Identifier
    value: Annotated[str, Field(min_length=1, max_length=60)]
    country: str | None = None
    verification: Verification | None = None


class Holder(Customer):
    """A customer with its personal data. Read with `expand[]=tax_ids`."""

    name: str | None = None
    business_name: str | None = None
    email: str | None = None
    tax_ids: Page[TaxId] | None = None
    metadata: dict[str, str] | None = None


class Account(Identified):
    """A customer as the holder of a balance. Read with `expand[]=invoice_credit_balance`."""

    deleted: bool = False
    currency: CurrencyCode | None = None
    #: Negative where we owe the customer; in `currency`.
    balance: int | None = None
    #: By currency, and the other way round: positive where we owe the customer.
    invoice_credit_balance: dict[CurrencyCode, int] | None = None
    test_clock: Identifier | None = None


class BalanceMovement(Identified):
    """A customer balance transaction: negative gives the customer credit, positive takes it."""

    amount: int
    type: Literal[
        "adjustment",
        "applied_to_invoice",
        "checkout_session_subscription_payment",
        "checkout_session_subscription_payment_canceled",
        "credit_note",
        "initial",
        "invoice_overpaid",
        "invoice_too_large",
        "invoice_too_small",
        "migration",
        "unapplied_from_invoice",
        "unspent_receiver_credit",
    ]
    created: UnixTime
    currency: CurrencyCode
    description: str | None = None
    invoice: Identifier | None = None
    credit_note: Identifier | None = None


class OfCustomer(Identified):
    """A subscription or an invoice, by whom it is of."""

    customer: Identifier | None
