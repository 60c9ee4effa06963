"""Commercial intent as the billing platform holds it."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money


class SubscriptionStatus(StrEnum):
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"

    @property
    def grants_access(self) -> bool:
        """Whether the customer may use what is subscribed. Dunning decides later about past due."""
        return self in (self.TRIALING, self.ACTIVE, self.PAST_DUE)


class Customer(Canonical):
    """The paying party as billing knows it. No name or address: those stay in their systems."""

    customer_id: Identifier
    currency: Currency | None = None
    tax_country: str | None = Field(default=None, min_length=2, max_length=2)


class Plan(Canonical):
    """What is sold: a priced product. `item` is the key of the item mapping."""

    plan_id: Identifier
    item: Identifier
    unit_price: Money


class SubscriptionItem(Canonical):
    item_id: Identifier
    plan: Plan
    quantity: int = Field(ge=0, le=10**9)
    period_start: Instant
    period_end: Instant


class Subscription(Canonical):
    """A subscription as billing holds it at `as_of`."""

    subscription_id: Identifier
    customer: Customer
    status: SubscriptionStatus
    currency: Currency
    items: tuple[SubscriptionItem, ...]
    started_at: Instant
    #: When a cancellation that is already decided takes effect; None while it runs on.
    ends_at: Instant | None = None
    ended_at: Instant | None = None
    as_of: Instant

    @property
    def period_end(self) -> Instant | None:
        return max((item.period_end for item in self.items), default=None)


class BillingLine(Canonical):
    """One amount that billing charges or credits, identified for good by `line_id`.

    `net` excludes tax. `tax` is None where billing leaves tax to the ERP.
    """

    line_id: Identifier
    item: Identifier
    description: str = Field(max_length=500)
    quantity: int = Field(ge=0, le=10**9)
    net: Money
    tax: Money | None = None
    proration: bool
    period_start: Instant
    period_end: Instant
    invoice_id: Identifier | None = None


class SyncMark(Canonical):
    """What Trueup writes back on the billing subscription for people who look there."""

    change_id: Identifier
    state: str = Field(max_length=40)
    erp_document: str | None = Field(default=None, max_length=255)


class BillingSnapshot(Canonical):
    """A subscription and its lines, read together; the truth that an event only hints at."""

    subscription: Subscription
    lines: tuple[BillingLine, ...]
    mark: SyncMark | None = None
