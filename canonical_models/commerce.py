"""Commercial intent as the billing platform holds it."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.documents import (
    BilledParty,
    BillingDocument,
    PostalAddress,
    Settlement,
    TaxId,
    TaxStatus,
    Unbilled,
    Untold,
)
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
    #: For comparing plans; None where there is no price per unit, as of tiers, usage and packages.
    unit_price: Money | None = None


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
    metadata: dict[str, str] = Field(default_factory=dict)
    as_of: Instant

    @property
    def period_end(self) -> Instant | None:
        return max((item.period_end for item in self.items), default=None)


class AccountProfile(Canonical):
    """A paying party with its personal data: read when an account is made elsewhere or changes,
    and never kept by us, neither in tables nor in histories."""

    customer_id: Identifier
    name: str = Field(min_length=1, max_length=255)
    email: str | None = Field(default=None, max_length=320)
    currency: Currency | None = None
    address: PostalAddress = PostalAddress()
    tax_ids: tuple[TaxId, ...] = ()
    tax_status: TaxStatus = TaxStatus.TAXED
    metadata: dict[str, str] = Field(default_factory=dict)

    @property
    def billed(self) -> BilledParty:
        """As a document issued now would name it."""
        return BilledParty(
            name=self.name,
            email=self.email,
            address=self.address,
            tax_ids=self.tax_ids,
            tax_status=self.tax_status,
        )


class SyncMetadata(Canonical):
    """What Trueup writes back on the billing subscription for people who look there."""

    change_id: Identifier
    state: str = Field(max_length=40)
    erp_document: str | None = Field(default=None, max_length=255)


class BillingSnapshot(Canonical):
    """A subscription, what it has not billed yet, and documents that were asked for, read together;
    the truth that an event only hints at.

    `documents` are whole, `refused` those that cannot be told whole, by id. `missing` are ids that
    were asked for and are no final documents (any more): drafts and what was deleted.
    """

    subscription: Subscription
    unbilled: Unbilled = Unbilled()
    documents: tuple[BillingDocument, ...] = ()
    missing: tuple[Identifier, ...] = ()
    refused: dict[Identifier, Untold] = Field(default_factory=dict)
    sync: SyncMetadata | None = None


class AccountSnapshot(Canonical):
    """A customer's account beside its subscriptions: documents that were asked for, and movements
    of its balance that no document shows, such as goodwill. `balance` is by currency, positive
    where we owe the customer. `deleted` where billing has only its id left.
    """

    customer_id: Identifier
    deleted: bool = False
    as_of: Instant
    documents: tuple[BillingDocument, ...] = ()
    missing: tuple[Identifier, ...] = ()
    refused: dict[Identifier, Untold] = Field(default_factory=dict)
    movements: tuple[Settlement, ...] = ()
    balance: tuple[Money, ...] = ()


class DocumentPage(Canonical):
    """Documents by when they were made, oldest first; `next` is the cursor of the following page,
    None at the end. `refused` are those that cannot be told whole, by id and with why: one of them
    does not keep all that come after it from being read."""

    documents: tuple[BillingDocument, ...]
    refused: dict[Identifier, Untold] = Field(default_factory=dict)
    next: str | None = None


class BilledCustomer(Canonical):
    """A customer that has, or had, subscriptions or open documents: their ids."""

    customer_id: Identifier
    subscriptions: tuple[Identifier, ...] = ()
    open_documents: tuple[Identifier, ...] = ()


class CustomerPage(Canonical):
    """Customers in an order of billing's own; a page may be empty before the end. `next` is the
    cursor of the following page, None at the end."""

    customers: tuple[BilledCustomer, ...]
    next: str | None = None
