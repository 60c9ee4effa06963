"""What systems hold, as facts that are laid beside each other, and where they do not agree."""

from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentKind
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Team
from canonical_models.money import Currency, Money


class Earned(Canonical):
    """What the ERP's books have of a document as revenue, and as revenue that is deferred.

    `months` are pairs of minor units, revenue and what the deferred account grew by, by month as
    `2027-01`, in the `currency` of the books. `at_once` are net amounts in minor units of lines
    that the ERP spreads over no period, such as of goods. `schedules` are the first and last day of
    each of its schedules.
    """

    currency: Currency
    months: dict[str, tuple[int, int]] = Field(default_factory=dict)
    at_once: tuple[int, ...] = ()
    schedules: tuple[tuple[date, date], ...] = ()


class DocumentFact(Canonical):
    """A final document as its system lists it. `stands` is False for what is void or cancelled.

    `account` is billing's customer, or the code of the ERP's party. `reference` is our id that the
    ERP's document carries, `billing_number` billing's number on it; both None in billing, and on
    what people have made. An amount that the list does not tell is None.
    """

    key: Identifier
    kind: DocumentKind
    stands: bool
    account: Identifier
    subscription_id: Identifier | None = None
    number: str | None = None
    reference: str | None = None
    billing_number: str | None = None
    gross: Money
    tax: Money | None = None
    open: Money | None = None
    #: In billing a moment; in the ERP a day.
    issued_at: Instant | None = None
    issued_on: date | None = None
    ours: bool = False
    #: Whether billing collects it by itself.
    collected: bool = True
    #: In the ERP alone: the document that it takes back, by whoever made it.
    corrects: Identifier | None = None
    earned: Earned | None = None


class SubscriptionFact(Canonical):
    """`items` are what is sold and how many of it, ordered; None where the list tells only some."""

    subscription_id: Identifier
    customer_id: Identifier
    status: SubscriptionStatus
    items: tuple[tuple[Identifier, int], ...] | None


class EntryKind(StrEnum):
    """What an entry of the ERP moves.

    RECEIVABLE is what is open on a customer's account, positive where the customer owes it. REVENUE
    and DEFERRED are revenue, and what is billed and not earned yet, positive where it grows; only
    what belongs to no document is told of these.
    """

    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    DEFERRED = "deferred"


class EntryFact(Canonical):
    """A line of a posted move in the ERP, on the party `account` where it is a customer's.

    `beside` is whether it belongs to no document; `number` is the move's.
    """

    key: Identifier
    kind: EntryKind
    account: str | None = None
    amount: Money
    on: date
    number: str | None = None
    beside: bool = True
    ours: bool = False


class BalanceFact(Canonical):
    """What billing keeps for a customer, by currency: positive where we owe it. What is nothing is
    left out."""

    customer_id: Identifier
    amounts: tuple[Money, ...] = ()


class Facts(Canonical):
    """A page of what a system holds. `next` is where to go on: with `more` at once, and without
    later, from when on it tells what has changed since; None is for beginning anew. `gone` are keys
    of what is not there any more. `requests` is what the page has cost the vendor.
    `until` is the last day that the ERP has an accounting period for."""

    documents: tuple[DocumentFact, ...] = ()
    subscriptions: tuple[SubscriptionFact, ...] = ()
    organizations: tuple[SupportEntitlement, ...] = ()
    entries: tuple[EntryFact, ...] = ()
    balances: tuple[BalanceFact, ...] = ()
    gone: tuple[Identifier, ...] = ()
    next: str | None
    more: bool
    requests: int = Field(default=1, ge=0)
    until: date | None = None


class About(StrEnum):
    """What a difference is about."""

    DOCUMENT = "document"
    SUBSCRIPTION = "subscription"
    TARGET = "target"
    SUPPORT = "support"
    RECEIVABLE = "receivable"
    REVENUE = "revenue"


class Cause(StrEnum):
    """Why two systems do not say the same, as the ledger tells it."""

    #: A write or a change is under way, or was carried out after the system was read.
    IN_FLIGHT = "in_flight"
    #: A question to people is open.
    ASKED = "asked"
    #: Somebody, or a rule, has decided it so.
    DECIDED = "decided"
    #: Billing says something else than when it was last read, or something that was never read.
    BILLING = "billing_changed"
    #: The other system says no longer what it had confirmed to us, or has what we never made.
    BY_HAND = "by_hand"
    #: Nobody is asked, nothing is under way, and yet it was not brought about.
    OURS = "ours"


class Repair(StrEnum):
    """What sets it right."""

    #: Nothing: what is under way does.
    WAIT = "wait"
    #: The answer to the question that is open, or to what somebody decided.
    DECIDE = "decide"
    #: The saga of its subject, begun anew.
    SYNC = "sync"
    #: Telling the target, or support, once more.
    PUBLISH = "publish"
    #: Telling billing that it was paid past it, as the ERP says.
    TELL = "tell"
    #: People, in the ERP: no machine takes back what they have made there.
    IN_ERP = "in_erp"


class Scope(Canonical):
    """What of a tenant is compared; None is all. `period` is a month, as `2027-01`."""

    customer_id: Identifier | None = None
    legal_entity: Identifier | None = None
    period: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")

    def bounds(self, zone: str | None) -> tuple[datetime | None, datetime | None]:
        """When the month begins and the next one does, there or in UTC; None without a month."""
        if self.period is None:
            return None, None
        year, month = map(int, self.period.split("-"))
        there = ZoneInfo(zone or "UTC")
        first = datetime(year, month, 1, tzinfo=there)
        return first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=there)


class FoundDifference(Canonical):
    """A difference that a reconciliation has found and that was there when it last looked.

    `what` is `missing`, `doubled`, `amount`, `tax`, `date`, `party`, `open`, `void`, `unknown`,
    `status`, `items`, `tier`, `contract_end`, `features`, `account`, `movements`, `revenue` or
    `deferred`. `expected` is what billing, or for access our own record of it, says, and `found`
    what `system` does, in words. `billing` and `erp` are amounts, where it is about some.
    `customer_id` and `subject` are empty where it is nobody's, as of revenue that people have moved
    without a document. `age_seconds` counts from when it was first found.
    """

    about: About
    key: str
    what: str
    system: str
    customer_id: str
    subject: str
    legal_entity: str | None
    number: str | None
    erp_number: str | None
    expected: str | None
    found: str | None
    billing: Money | None
    erp: Money | None
    cause: Cause
    owner: Team
    repair: Repair
    exception_id: str | None
    change_id: str | None
    opened_at: Instant
    seen_at: Instant
    age_seconds: float


class Counted(Canonical):
    """So many differences about something with one cause."""

    about: About
    cause: Cause
    count: int


class MonthApart(Canonical):
    """By how much the ERP has more than service periods give in a month, such as `2027-01`: of what
    is earned (`revenue`), or of what is deferred and not the other half of that (`deferred`)."""

    legal_entity: str
    month: str
    what: str
    more: Money
    count: int


class Reconciled(Canonical):
    """What a comparison came to, and when it began. `facts` is how many were read of each system,
    `requests` what it was asked; `counts` are the differences there are, `months` those of revenue
    by month, `closed` those that are gone. `repairs` were asked for. `not_compared` says in words
    what was left out and why."""

    run_id: str
    began_at: Instant | None = None
    facts: dict[str, int] = Field(default_factory=dict)
    requests: dict[str, int] = Field(default_factory=dict)
    counts: tuple[Counted, ...] = ()
    months: tuple[MonthApart, ...] = ()
    closed: int = 0
    repairs: int = 0
    not_compared: tuple[str, ...] = ()

    @property
    def differences(self) -> int:
        return sum(each.count for each in self.counts)
