"""Stripe's invoices and credit notes as they travel, and the items that wait for an invoice.

Source: https://docs.stripe.com/api/invoices/object, https://docs.stripe.com/api/invoice-line-item,
https://docs.stripe.com/api/credit_notes/object, https://docs.stripe.com/api/invoiceitems.
"""

from typing import Literal

from pydantic import Field

from canonical_models.base import Identifier
from connectors.stripe.wire import (
    CurrencyCode,
    DecimalText,
    Identified,
    Page,
    Shown,
    TaxRate,
    UnixTime,
    Wire,
)
from connectors.stripe.wire_customers import Address, BalanceMovement
from connectors.stripe.wire_money import InvoicePayment, Refund
from connectors.stripe.words import ParentOfInvoice, ParentOfLine, Taxability, TaxExempt


class Period(Wire):
    start: UnixTime
    end: UnixTime


class PriceDetails(Wire):
    price: Identifier
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
    #: After discounts; None while discounts of the invoice may still reach it.
    net_amount: int | None = None
    currency: CurrencyCode
    description: Shown[str] = None
    parent: ItemParent | None
    period: Period
    pricing: Pricing | None
    proration: bool
    quantity: Shown[int] = None
    quantity_decimal: Shown[DecimalText] = None
    tax_rates: list[TaxRate] | None = None
    metadata: dict[str, str] | None = None


class LineSource(Wire):
    #: The invoice item that became this line; None for the regular charge of a period.
    invoice_item: Identifier | None
    proration: bool
    subscription: Identifier | None
    subscription_item: Identifier | None = None


class LineParent(Wire):
    type: ParentOfLine = None
    invoice_item_details: LineSource | None = None
    subscription_item_details: LineSource | None = None


class TaxRateDetails(Wire):
    tax_rate: Identifier


class Tax(Wire):
    amount: int
    tax_behavior: Literal["inclusive", "exclusive"]
    tax_rate_details: TaxRateDetails | None = None
    taxability_reason: Taxability = None


class Credit(Wire):
    """A discount, or a share of a credit grant, taken off before tax."""

    amount: int


class FinalLine(Identified):
    """What lines of invoices and of credit notes share. `amount` holds inclusive taxes, and is
    before what `discount_amounts` and `pretax_credit_amounts` take off."""

    amount: int
    description: Shown[str] = None
    quantity: Shown[int] = None
    taxes: list[Tax] | None
    discount_amounts: list[Credit] | None = None
    pretax_credit_amounts: list[Credit] | None = None
    metadata: dict[str, str] | None = None


class InvoiceLine(FinalLine):
    currency: CurrencyCode
    parent: LineParent | None
    period: Period
    pricing: Pricing | None
    quantity_decimal: Shown[DecimalText] = None
    subscription: Identifier | None = None

    @property
    def source(self) -> LineSource | None:
        if self.parent is None:
            return None
        return self.parent.subscription_item_details or self.parent.invoice_item_details

    @property
    def of_subscription(self) -> str | None:
        return (self.source.subscription if self.source else None) or self.subscription


class CreditNoteLine(FinalLine):
    """What it gives back is positive."""

    type: Literal["invoice_line_item", "custom_line_item"]
    #: The line of the invoice that is credited; None for a bare amount.
    invoice_line_item: Identifier | None = None


class ShippingTax(Wire):
    amount: int
    rate: TaxRate
    taxability_reason: Taxability = None


class Shipping(Wire):
    amount_subtotal: int
    amount_tax: int
    amount_total: int
    shipping_rate: Identifier | None = None
    #: Only shown when asked for with `expand[]`.
    taxes: list[ShippingTax] | None = None


class OfSubscription(Wire):
    subscription: Identifier
    metadata: dict[str, str] | None = None


class InvoiceParent(Wire):
    type: ParentOfInvoice = None
    subscription_details: OfSubscription | None = None


class Transitions(Wire):
    finalized_at: UnixTime | None = None
    marked_uncollectible_at: UnixTime | None = None
    paid_at: UnixTime | None = None
    voided_at: UnixTime | None = None


class CustomField(Wire):
    name: str
    value: str


class NamedTaxId(Wire):
    type: Identifier
    value: str | None = None


class Invoice(Identified):
    """Read with `expand[]=payments`. Who it names is what it was final with."""

    currency: CurrencyCode
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    number: str | None = None
    created: UnixTime
    effective_at: UnixTime | None = None
    due_date: UnixTime | None = None
    automatically_finalizes_at: UnixTime | None = None
    status_transitions: Transitions
    collection_method: Literal["charge_automatically", "send_invoice"]
    attempted: bool
    attempt_count: int = 0
    parent: InvoiceParent | None = None
    test_clock: Identifier | None = None

    total: int
    total_excluding_tax: int | None = None
    amount_remaining: int
    #: Told, among what was paid, as paid outside of Stripe.
    amount_paid_off_stripe: int | None = None
    #: Of the customer, before the invoice was final and after; negative is the customer's credit.
    starting_balance: int = 0
    ending_balance: int | None = None
    pre_payment_credit_notes_amount: int = 0
    post_payment_credit_notes_amount: int = 0
    shipping_cost: Shipping | None = None
    lines: Page[InvoiceLine]
    payments: Page[InvoicePayment] | None = None
    default_tax_rates: list[TaxRate] | None = None

    customer: Identifier | None = None
    #: In place of `customer` where Stripe keeps customers as accounts.
    customer_account: Identifier | None = None
    customer_name: Shown[str] = None
    customer_email: Shown[str] = None
    customer_address: Shown[Address] = None
    customer_tax_exempt: TaxExempt = None
    customer_tax_ids: list[NamedTaxId] | None = None
    custom_fields: Shown[list[CustomField]] = None
    metadata: dict[str, str] | None = None
    hosted_invoice_url: Shown[str] = None
    invoice_pdf: Shown[str] = None

    @property
    def final(self) -> bool:
        return self.status != "draft"

    @property
    def became_final(self) -> int:
        finalized = self.status_transitions.finalized_at
        return self.created if finalized is None else finalized

    @property
    def issued(self) -> int:
        """The date that the document shows, which people may set."""
        return self.became_final if self.effective_at is None else self.effective_at

    @property
    def of_subscription(self) -> OfSubscription | None:
        return self.parent.subscription_details if self.parent else None


class InvoiceState(Identified):
    """As much of an invoice as says whether it can be closed, or paid past Stripe."""

    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    currency: CurrencyCode
    collection_method: Literal["charge_automatically", "send_invoice"]
    amount_remaining: int


class RecordRefund(Wire):
    refund_group: Identifier


class NoteRefund(Wire):
    """What of a refund answers a credit note."""

    amount_refunded: int
    refund: Identifier | Refund | None = None
    #: Of a payment that was recorded as made elsewhere.
    payment_record_refund: RecordRefund | None = None

    @property
    def refund_id(self) -> str | None:
        return self.refund.id if isinstance(self.refund, Refund) else self.refund


class CreditNote(Identified):
    """Gives back some of a final invoice. Its first lines come with it. Read with
    `expand[]=refunds.refund`, and `invoice` and `customer_balance_transaction` by itself."""

    created: UnixTime
    effective_at: UnixTime | None = None
    voided_at: UnixTime | None = None
    currency: CurrencyCode
    number: str | None = None
    invoice: Identifier | Invoice
    lines: Page[CreditNoteLine]
    status: Literal["issued", "void"]
    total: int
    total_excluding_tax: int | None = None
    pre_payment_amount: int
    out_of_band_amount: int | None = None
    customer_balance_transaction: Identifier | BalanceMovement | None = None
    refunds: list[NoteRefund] = Field(default_factory=list)
    shipping_cost: Shipping | None = None
    metadata: dict[str, str] | None = None
    pdf: Shown[str] = None

    @property
    def issued(self) -> int:
        return self.created if self.effective_at is None else self.effective_at

    @property
    def invoice_id(self) -> str:
        return self.invoice.id if isinstance(self.invoice, Invoice) else self.invoice
