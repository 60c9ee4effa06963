"""What of Stripe's objects is read inside an event, where ids are never expanded."""

from typing import Any, Generic, Literal, TypeVar

from canonical_models.base import Identifier
from connectors.stripe.wire import Identified, UnixTime, Wire
from connectors.stripe.wire_money import PaymentSource
from connectors.stripe.words import BillingReason, InvoiceStatus

T = TypeVar("T")


class SubscriptionInEvent(Identified):
    object: Literal["subscription"]
    customer: Identifier
    cancel_at: UnixTime | None = None
    cancel_at_period_end: bool = False
    items: dict[str, Any] | None = None


class SubscriptionNamed(Wire):
    subscription: Identifier


class ParentInEvent(Wire):
    subscription_details: SubscriptionNamed | None = None

    @property
    def subscription(self) -> str | None:
        return self.subscription_details.subscription if self.subscription_details else None


class InvoiceInEvent(Identified):
    object: Literal["invoice"]
    customer: Identifier | None
    status: InvoiceStatus = None
    billing_reason: BillingReason = None
    parent: ParentInEvent | None


class InvoiceItemInEvent(Identified):
    object: Literal["invoiceitem"]
    customer: Identifier
    parent: ParentInEvent | None = None


class EventEnvelope(Identified):
    type: Identifier


class Origin(Wire):
    """Of which mode an event is, and of which account, of Stripe Connect, if it is not the key's
    own; thin events call that their `context`."""

    livemode: bool
    account: Identifier | None = None
    context: Identifier | None = None

    @property
    def of(self) -> str | None:
        """The connected account."""
        return self.account or self.context


class EventData(Wire, Generic[T]):
    object: T
    previous_attributes: dict[str, Any] | None = None


class Event(EventEnvelope, Generic[T]):
    created: UnixTime
    data: EventData[T]

    @property
    def changed(self) -> frozenset[str]:
        """The members that an update changed; none are told where all are new."""
        return frozenset(self.data.previous_attributes or ())


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
    """A dispute or a refund, which name the payment; refunds of late the customer, too."""

    object: Literal["dispute", "refund"]
    payment_intent: Identifier | None = None
    charge: Identifier | None = None
    customer: Identifier | None = None


class CustomerInEvent(Identified):
    object: Literal["customer"]


class TaxIdInEvent(Identified):
    object: Literal["tax_id"]
    customer: Identifier | None
