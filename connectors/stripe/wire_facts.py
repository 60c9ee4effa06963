"""As much of Stripe's objects as a list tells of each, for laying systems beside each other.

Source: https://docs.stripe.com/api/invoices/object, https://docs.stripe.com/api/credit_notes/object,
https://docs.stripe.com/api/subscriptions/object, https://docs.stripe.com/api/customers/object,
https://docs.stripe.com/api/events/object.
"""

from typing import Any, Literal

from pydantic import Field

from canonical_models.base import Identifier
from connectors.stripe.wire import CurrencyCode, Identified, Page, UnixTime, Wire
from connectors.stripe.wire_documents import InvoiceParent, NoteRefund, Transitions
from connectors.stripe.wire_subscriptions import PauseCollection, Status


class ListedInvoice(Identified):
    currency: CurrencyCode
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    number: str | None = None
    created: UnixTime
    effective_at: UnixTime | None = None
    status_transitions: Transitions
    parent: InvoiceParent | None = None
    total: int
    total_excluding_tax: int | None = None
    amount_remaining: int
    collection_method: Literal["charge_automatically", "send_invoice"] | None = None
    customer: Identifier | None = None
    customer_account: Identifier | None = None

    @property
    def final(self) -> bool:
        return self.status != "draft"

    @property
    def issued(self) -> int:
        finalized = self.status_transitions.finalized_at
        return self.effective_at or (self.created if finalized is None else finalized)


class CreditedInvoice(Identified):
    parent: InvoiceParent | None = None


class ListedCustomer(Identified):
    """Read with `expand[]=invoice_credit_balance`: by currency, positive where we owe the customer.
    Where Stripe shows none, `balance` is in `currency` and the other way round."""

    deleted: bool = False
    currency: CurrencyCode | None = None
    balance: int | None = None
    invoice_credit_balance: dict[CurrencyCode, int] | None = None

    @property
    def kept(self) -> dict[str, int]:
        if self.invoice_credit_balance is not None:
            return dict(self.invoice_credit_balance)
        return {self.currency: -(self.balance or 0)} if self.currency else {}


class ListedNote(Identified):
    """Read with `expand[]` of its invoice and of the refunds behind it."""

    currency: CurrencyCode
    status: Literal["issued", "void"]
    number: str | None = None
    created: UnixTime
    effective_at: UnixTime | None = None
    total: int
    total_excluding_tax: int | None = None
    customer: Identifier
    invoice: Identifier | CreditedInvoice
    refunds: list[NoteRefund] = Field(default_factory=list)

    @property
    def issued(self) -> int:
        return self.created if self.effective_at is None else self.effective_at

    @property
    def of_subscription(self) -> str | None:
        """None where the invoice is not shown with it, too."""
        parent = self.invoice.parent if isinstance(self.invoice, CreditedInvoice) else None
        return (
            parent.subscription_details.subscription
            if parent and parent.subscription_details
            else None
        )


class PricedProduct(Wire):
    product: Identifier


class ListedItem(Wire):
    price: PricedProduct
    quantity: int | None = None


class ListedSubscription(Identified):
    status: Status
    customer: Identifier
    currency: CurrencyCode
    items: Page[ListedItem]
    pause_collection: PauseCollection | None = None


class EventObject(Wire):
    object: dict[str, Any]


class ChangedEvent(Identified):
    """`api_version` is the one that its object is written in."""

    api_version: str | None
    data: EventObject
