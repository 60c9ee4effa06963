"""Stripe's invoices as they travel, what they charge and credit, and the money that moved on them.

Source: https://docs.stripe.com/api/invoices, https://docs.stripe.com/api/credit_notes,
https://docs.stripe.com/api/invoice-payment, https://docs.stripe.com/api/charges,
https://docs.stripe.com/api/disputes.
"""

from typing import Literal

from canonical_models.base import Identifier
from connectors.stripe.wire import CurrencyCode, Identified, Page, TaxRate, UnixTime, Wire


class Period(Wire):
    start: UnixTime
    end: UnixTime


class TaxedPrice(Identified):
    """A price where it was asked for with `expand[]`."""

    tax_behavior: str | None = None


class PriceDetails(Wire):
    price: Identifier | TaxedPrice
    product: Identifier


class Pricing(Wire):
    price_details: PriceDetails | None = None


class ItemSource(Wire):
    subscription: Identifier | None = None
    subscription_item: Identifier | None = None


class ItemParent(Wire):
    subscription_details: ItemSource | None = None


class InvoiceItem(Identified):
    """A charge or credit that waits for an invoice."""

    amount: int
    currency: CurrencyCode
    description: str | None
    parent: ItemParent | None
    period: Period
    pricing: Pricing | None
    proration: bool
    quantity: int | None
    tax_rates: list[TaxRate] | None = None


class LineSource(Wire):
    #: The invoice item that became this line; None for the regular charge of a period.
    invoice_item: Identifier | None
    proration: bool
    subscription: Identifier | None
    subscription_item: Identifier | None = None


class LineParent(Wire):
    invoice_item_details: LineSource | None = None
    subscription_item_details: LineSource | None = None


class Tax(Wire):
    amount: int
    tax_behavior: Literal["inclusive", "exclusive"]


class Credit(Wire):
    """A discount, or a share of a credit grant, taken off before tax."""

    amount: int


class FinalLine(Identified):
    """What lines of invoices and of credit notes share. `amount` holds inclusive taxes, and is
    before what `discount_amounts` and `pretax_credit_amounts` take off."""

    amount: int
    description: str | None
    quantity: int | None
    taxes: list[Tax] | None
    discount_amounts: list[Credit] | None = None
    pretax_credit_amounts: list[Credit] | None = None


class InvoiceLine(FinalLine):
    currency: CurrencyCode
    parent: LineParent | None
    period: Period
    pricing: Pricing | None


class CreditNoteLine(FinalLine):
    """What it gives back is positive."""

    type: Literal["invoice_line_item", "custom_line_item"]
    #: The line of the invoice that is credited; None for a bare amount.
    invoice_line_item: Identifier | None = None


class Shipping(Wire):
    amount_subtotal: int


class PaymentSource(Wire):
    """What brought the money; none of them where it is a record of what was paid elsewhere."""

    payment_intent: Identifier | None = None
    charge: Identifier | None = None


class PaymentTransitions(Wire):
    paid_at: UnixTime | None = None


class InvoicePayment(Identified):
    """The share of a payment that goes to one invoice."""

    #: None until it is paid.
    amount_paid: int | None
    created: UnixTime
    currency: CurrencyCode
    payment: PaymentSource
    status: Literal["open", "paid", "canceled"]
    status_transitions: PaymentTransitions


class InvoiceTransitions(Wire):
    finalized_at: UnixTime | None = None


class Invoice(Identified):
    """Read with `expand[]=data.payments` where it is listed."""

    currency: CurrencyCode
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    number: str | None = None
    total: int
    amount_paid: int
    attempted: bool
    collection_method: Literal["charge_automatically", "send_invoice"]
    created: UnixTime
    due_date: UnixTime | None
    status_transitions: InvoiceTransitions
    lines: Page[InvoiceLine]
    payments: Page[InvoicePayment] | None = None
    total_excluding_tax: int | None = None
    shipping_cost: Shipping | None = None


class CreditNote(Identified):
    """Gives back some of a final invoice. Its first lines come with it."""

    created: UnixTime
    currency: CurrencyCode
    invoice: Identifier
    lines: Page[CreditNoteLine]
    status: Literal["issued", "void"]
    total_excluding_tax: int | None = None
    shipping_cost: Shipping | None = None


class InvoiceState(Identified):
    """As much of an invoice as says whether it can be closed."""

    status: Literal["draft", "open", "paid", "uncollectible", "void"]


class Refund(Identified):
    amount: int
    created: UnixTime
    currency: CurrencyCode
    #: None for refunds of long ago, which went through.
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"] | None


class Charge(Identified):
    """An attempt to take money, and what was given back of it. Listed with
    `expand[]=data.refunds`."""

    amount: int
    status: Literal["succeeded", "pending", "failed"]
    payment_intent: Identifier | None
    disputed: bool
    refunds: Page[Refund] | None = None


class BalanceTransaction(Wire):
    """A movement on the balance at Stripe, in the currency of that balance."""

    amount: int
    created: UnixTime


class Dispute(Identified):
    amount: int
    created: UnixTime
    currency: CurrencyCode
    status: Literal[
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
        "prevented",
        "won",
        "lost",
    ]
    #: What it took and what it gave back.
    balance_transactions: list[BalanceTransaction]
