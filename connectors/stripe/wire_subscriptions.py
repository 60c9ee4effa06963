"""Stripe's subscriptions as they travel (https://docs.stripe.com/api/subscriptions/object)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from canonical_models.base import Identifier
from connectors.stripe.wire import (
    CurrencyCode,
    Identified,
    Page,
    Price,
    TaxRate,
    TestClock,
    UnixTime,
    Wire,
)
from connectors.stripe.wire_customers import Customer
from connectors.stripe.wire_documents import Invoice


class SubscriptionItem(Identified):
    price: Price
    #: None for metered usage.
    quantity: int | None = None
    current_period_start: UnixTime
    current_period_end: UnixTime


#: What a subscription gives depends on it.
Status = Literal[
    "active",
    "canceled",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
]


class AutomaticTax(Wire):
    enabled: bool


class PauseCollection(Wire):
    behavior: Literal["keep_as_draft", "mark_uncollectible", "void"]


class SubscriptionState(Identified):
    """As much of a subscription as says whether it has ended."""

    status: Status


class IdAlone(BaseModel):
    """An object of which Stripe has nothing else left: what has more members is another."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: Identifier
    object: str | None = None
    deleted: bool | None = None


class Subscription(SubscriptionState):
    """Read with `expand[]` of `customer`, `test_clock` and `latest_invoice.payments`."""

    customer: Customer
    currency: CurrencyCode
    items: Page[SubscriptionItem]
    start_date: UnixTime
    cancel_at: UnixTime | None
    cancel_at_period_end: bool
    ended_at: UnixTime | None
    metadata: dict[str, str]
    automatic_tax: AutomaticTax
    default_tax_rates: list[TaxRate] | None = None
    test_clock: TestClock | None = None
    pause_collection: PauseCollection | None = None
    next_pending_invoice_item_invoice: UnixTime | None = None
    #: Its id alone where the draft that it was has been deleted.
    latest_invoice: Invoice | IdAlone | Identifier | None = None
