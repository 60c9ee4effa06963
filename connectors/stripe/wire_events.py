"""What of Stripe's objects is read inside an event, where ids are never expanded."""

from typing import Any, Generic, Literal, TypeVar

from canonical_models.base import Identifier
from connectors.stripe.wire import Identified, UnixTime, Wire
from connectors.stripe.wire_invoices import PaymentSource

T = TypeVar("T")


class SubscriptionInEvent(Identified):
    object: Literal["subscription"]
    customer: Identifier
    cancel_at: UnixTime | None = None
    cancel_at_period_end: bool = False
    items: dict[str, Any] | None = None


class InvoiceParentDetails(Wire):
    subscription: Identifier


class InvoiceParent(Wire):
    subscription_details: InvoiceParentDetails | None = None


class InvoiceInEvent(Identified):
    object: Literal["invoice"]
    customer: Identifier | None
    billing_reason: str | None = None
    parent: InvoiceParent | None


class EventEnvelope(Identified):
    type: Identifier


class EventData(Wire, Generic[T]):
    object: T
    previous_attributes: dict[str, Any] | None = None


class Event(EventEnvelope, Generic[T]):
    created: UnixTime
    data: EventData[T]


class RecurringPrice(Identified):
    """As much of a price as says whether another one is dearer."""

    unit_amount: int | None = None
    currency: str | None = None
    recurring: dict[str, Any] | None = None


class ItemInEvent(Identified):
    price: RecurringPrice
    quantity: int | None = None
    current_period_start: UnixTime | None = None


class ItemsInEvent(Wire):
    data: list[ItemInEvent]


class ShareInEvent(Identified):
    """The share of a payment that goes to one invoice. It names no customer."""

    object: Literal["invoice_payment"]
    invoice: Identifier
    payment: PaymentSource


class ChargeInEvent(Identified):
    object: Literal["charge"]
    payment_intent: Identifier | None = None
    customer: Identifier | None = None


class CreditNoteInEvent(Identified):
    """It names its invoice, and not the subscription that this is of."""

    object: Literal["credit_note"]
    invoice: Identifier
    customer: Identifier | None = None


class OfChargeInEvent(Identified):
    """A dispute or a refund, which name the charge but not the customer."""

    object: Literal["dispute", "refund"]
    payment_intent: Identifier | None = None
    charge: Identifier | None = None
