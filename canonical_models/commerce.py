"""Commercial intent as the billing platform holds it."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money
from canonical_models.term import Invoice, Payment


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
    #: The subscription item that is charged; None for a bare amount.
    item_id: Identifier | None = None
    description: str = Field(max_length=500)
    quantity: int = Field(ge=0, le=10**9)
    net: Money
    tax: Money | None = None
    proration: bool
    period_start: Instant
    period_end: Instant
    invoice_id: Identifier | None = None


class PostalAddress(Canonical):
    lines: tuple[str, ...] = ()
    postal_code: str | None = None
    city: str | None = None
    #: ISO 3166-1 alpha-2.
    country: str | None = Field(default=None, min_length=2, max_length=2)


class TaxId(Canonical):
    """`kind` is `eu_vat` or another registry's name in billing's words; `value` as it was given."""

    kind: Identifier
    value: str = Field(min_length=1, max_length=60)


class AccountProfile(Canonical):
    """A paying party with its personal data: read when an account is made elsewhere, and never
    kept by us, neither in tables nor in histories."""

    customer_id: Identifier
    name: str = Field(min_length=1, max_length=255)
    email: str | None = Field(default=None, max_length=320)
    currency: Currency | None = None
    address: PostalAddress = PostalAddress()
    tax_ids: tuple[TaxId, ...] = ()


class SyncMark(Canonical):
    """What Trueup writes back on the billing subscription for people who look there."""

    change_id: Identifier
    state: str = Field(max_length=40)
    erp_document: str | None = Field(default=None, max_length=255)


class BillingSnapshot(Canonical):
    """A subscription, its lines, invoices and payments, read together; the truth that an event
    only hints at.

    `drafted` are ids of lines that wait on a draft invoice, `voided` of those that a void invoice
    takes back. `payments` are of `invoices`; failed attempts may be left out.
    """

    subscription: Subscription
    lines: tuple[BillingLine, ...]
    mark: SyncMark | None = None
    drafted: tuple[Identifier, ...] = ()
    voided: tuple[Identifier, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    payments: tuple[Payment, ...] = ()
