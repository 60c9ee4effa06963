"""All that a support desk wants to know of a customer, part by part, each with who says so and when
it was so."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from canonical_models.base import Canonical, Instant
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentKind, DocumentStatus, SettlementKind
from canonical_models.entitlement import Entitlement, SupportEntitlement
from canonical_models.money import Money
from canonical_models.states import Forecast
from canonical_models.support import SlaPolicy, SupportCase
from canonical_models.term import DunningStage
from canonical_models.views import ChangeView, ExceptionView
from operations.entitlements import HeldBack

Value = TypeVar("Value")


class Source(StrEnum):
    """Who says so. `trueup` is what is decided or kept here, and is so now."""

    BILLING = "billing"
    ERP = "erp"
    SUPPORT = "support"
    TRUEUP = "trueup"


class Told(Canonical, Generic[Value]):
    """One part of the answer. It was so at `as_of`, `age_seconds` ago; both are None where the
    source was never read, and then `value` is None, which is not "nothing". `problem` says why it
    is not newer, or not whole."""

    source: Source
    as_of: Instant | None
    age_seconds: float | None
    problem: str | None
    value: Value | None


class Hierarchy(Canonical):
    """Who pays, and who stands beside the customer. `payer` is who was said to pay for the account,
    else the customer itself; its own documents are booked on `erp_party` in the books of
    `legal_entity` in any case. `parent` is the account above it that was sent here, else what a
    subscription's metadata names, None where nothing does; `children` stand below it, and it pays
    for `pays_for`. The others are customers of the same party in the ERP, and of the same
    organisation at the support desk."""

    payer: str
    pays_for: tuple[str, ...]
    children: tuple[str, ...]
    external_ids: dict[str, str]
    erp_party: str | None
    legal_entity: str | None
    support_organization: str | None
    parent: str | None
    same_party: tuple[str, ...]
    same_organization: tuple[str, ...]


class SupportTerm(Canonical):
    """A subscription and its contract. `forecast` is of its next renewal, at `renews_at`."""

    subscription_id: str
    status: SubscriptionStatus
    started_at: Instant
    ends_at: Instant | None
    renews_at: Instant | None
    forecast: Forecast | None
    forecast_amount: Money | None
    forecast_problem: str | None
    change_id: str


class AssetEvent(Canonical):
    """A line of a document about the asset, as billing describes it. `void` counts for nothing."""

    at: Instant
    document_id: str
    number: str | None
    kind: DocumentKind
    what: str
    quantity: Decimal | None
    net: Money
    proration: bool
    void: bool


class Asset(Canonical):
    """What was bought. `held` while a subscription has it. `bought_at` is its oldest line that is
    shown, or when its subscription began; `changed_at` its newest. `serials` are what metadata of
    the subscription or of a line name so. The newest 20 lines are in `history`, oldest first."""

    asset_id: str
    item: str
    price: str | None
    held: bool
    quantity: Decimal | None
    subscription_id: str | None
    period_end: Instant | None
    bought_at: Instant | None
    changed_at: Instant | None
    serials: tuple[str, ...]
    history: tuple[AssetEvent, ...]


class Assets(Canonical):
    """Not `complete` where the customer has more documents than were looked through."""

    items: tuple[Asset, ...]
    complete: bool


class EntitlementsHeld(Canonical):
    """What may be used now and why, and the grants that give nothing now, each with why."""

    items: tuple[Entitlement, ...]
    held_back: tuple[HeldBack, ...]


class ErpStanding(Canonical):
    """`status` is the ERP's word in one of ours; `open` what it still waits for, None where it is
    not posted."""

    document_id: str | None
    number: str | None
    legal_entity: str | None
    status: str
    open: Money | None


class OpenDocument(Canonical):
    """Billing still waits for it, or owes it: `remaining`. `age_days` counts from its issue,
    `overdue_days` from the refused charge or the due date; None while it is not overdue."""

    document_id: str
    subscription_id: str | None
    kind: DocumentKind
    status: DocumentStatus
    number: str | None
    gross: Money
    remaining: Money
    issued_at: Instant
    due_at: Instant | None
    age_days: int
    overdue_days: int | None
    dunning: DunningStage | None
    url: str | None
    as_of: Instant
    erp: Told[ErpStanding]


class OpenDocuments(Canonical):
    """The newest first; not `complete` where there are more."""

    items: tuple[OpenDocument, ...]
    complete: bool


class Payment(Canonical):
    """Money or credit that moved, positive where it reduced what the customer owes. `entry` is the
    ERP's number of it, None while it is not entered there. It was read at `as_of`, and is a fact
    since."""

    payment_id: str
    kind: SettlementKind
    amount: Money
    at: Instant
    document_id: str | None
    entry: str | None
    as_of: Instant


class DeskView(Canonical):
    """The organisation at the desk. `shown` is what it shows of tier, end and features, and
    `differences` where that is not what it should. `sla` is what is promised for the tier."""

    organization_id: str
    url: str | None
    shown: SupportEntitlement
    differences: tuple[str, ...]
    sla: SlaPolicy | None


class CaseView(Canonical):
    """`as_of` is when the desk last told of it, or was read. The subject of a case is there only
    where it was read just now."""

    case: SupportCase
    escalated_at: Instant | None
    as_of: Instant


class Cases(Canonical):
    """Open cases. Not `complete` where there are, or may be, more than these."""

    items: tuple[CaseView, ...]
    complete: bool


class CustomerContext(Canonical):
    """One customer. `support` is the tier that is due; `desk` what the support platform shows.
    `pending` are changes on their way, after which parts of this will be otherwise; `questions`
    what waits for a person."""

    customer_id: str
    hierarchy: Told[Hierarchy]
    contracts: tuple[Told[SupportTerm], ...]
    support: Told[SupportEntitlement]
    desk: Told[DeskView]
    cases: Told[Cases]
    assets: Told[Assets]
    entitlements: Told[EntitlementsHeld]
    documents: Told[OpenDocuments]
    payments: Told[tuple[Payment, ...]]
    balance: Told[tuple[Money, ...]]
    pending: Told[tuple[ChangeView, ...]]
    questions: Told[tuple[ExceptionView, ...]]


class Away(Canonical):
    """A system that does not answer, as workers have found."""

    source: Source
    connection: str
    since: Instant
    reason: str | None

    @property
    def words(self) -> str:
        return (
            f"{self.connection} has been away since {self.since:%Y-%m-%d %H:%M} UTC: this is what "
            "was last read"
        )


class SupportContext(Canonical):
    """The customers that were asked about, at most five; `left_out` are the others. `fresh` says
    whether the systems were asked just now."""

    asked_at: Instant
    fresh: bool
    away: tuple[Away, ...]
    customers: tuple[CustomerContext, ...]
    left_out: tuple[str, ...]


def told(
    source: Source,
    value: Value | None,
    as_of: datetime | None,
    now: datetime,
    problem: str | None = None,
) -> Told[Value]:
    """Times that a source has ahead of us are of age zero."""
    age = None if as_of is None else max(0.0, round((now - as_of).total_seconds(), 3))
    return Told[Value](source=source, as_of=as_of, age_seconds=age, problem=problem, value=value)
