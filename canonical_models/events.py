"""Canonical events: CloudEvents 1.0 (https://cloudevents.io), one model per type and version.

A published version never changes incompatibly; a new version is a new type, and `lift` brings the
old one up on reading. Schemas are exported to `schemas/`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Money

NAMESPACE = "io.trueup"


class SubscriptionChanged(Canonical):
    """A commercial change that every system now agrees on. `subscription_id` is `account:` and the
    customer's id for what belongs to no subscription."""

    change_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier
    kind: ChangeKind
    summary: str
    effective_at: Instant
    amount: Money | None
    erp_document: str | None


class InvoicePosted(Canonical):
    """A document of billing stands in the ERP: it was posted, or linked with one that people had
    made there. `invoice_id` is billing's, `document_id` and `number` are the ERP's; credit notes
    have negative amounts."""

    change_id: Identifier
    invoice_id: Identifier
    subscription_id: Identifier | None
    customer_id: Identifier
    document_id: Identifier
    number: str | None
    legal_entity: Identifier
    net: Money
    tax: Money


class EntitlementChanged(Canonical):
    """`features` maps each feature of the subscription to its quantity after the change."""

    change_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier
    features: dict[str, int]


class SupportEntitlementPublished(Canonical):
    change_id: Identifier
    organization: Identifier
    tier: Identifier | None
    contract_end: Instant | None


class CaseEscalated(Canonical):
    """A case was escalated at the support desk. `organization` is the desk's, by our id of it, and
    None where the case belongs to none; `customers` are those of billing that are mapped to it.
    `priority` is the desk's own word."""

    case_id: Identifier
    organization: Identifier | None
    customers: tuple[Identifier, ...]
    priority: str | None
    escalated_at: Instant
    url: str | None


class PaymentMoved(Canonical):
    """Money moved on an invoice; `amount` is positive where the customer's debt became smaller."""

    payment_id: Identifier
    invoice_id: Identifier | None
    subscription_id: Identifier | None
    customer_id: Identifier
    amount: Money
    at: Instant


class PaymentReminder(Canonical):
    """An invoice is still not paid, `day` days after it became overdue; unless it is paid,
    what it pays for is suspended at `suspends_at`."""

    invoice_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier
    unpaid: Money
    day: int
    suspends_at: Instant


class RenewalDue(Canonical):
    """A renewal is near and was tried out: `ready`, or not with the `problem`. `amount` is what
    the items cost at their present prices."""

    subscription_id: Identifier
    customer_id: Identifier
    renews_at: Instant
    amount: Money
    ready: bool
    problem: str | None


class InvoiceStatusChanged(Canonical):
    """Where an invoice stands in the ERP: unposted, posted, sent, part_paid, paid, overdue or
    credited; `numbers` are the ERP's documents."""

    invoice_id: Identifier
    subscription_id: Identifier | None
    customer_id: Identifier
    erp_status: str
    numbers: tuple[str, ...]
    open: Money | None
    due_on: str | None


class InvoiceDecided(Canonical):
    """A person decided what becomes of a document in the ERP: `hold`, `skip`, `take_back`,
    `release`, `link` or `correct`. `change_id` is the change that carries it out."""

    invoice_id: Identifier
    subscription_id: Identifier | None
    customer_id: Identifier
    decision: str
    reason: str
    by: str
    until: str | None
    tax_code: str | None
    posting_date: str | None
    link: str | None
    change_id: Identifier


class EntitlementTimed(Canonical):
    """What a customer may use changed by time or by a person, not by a subscription's change."""

    customer_id: Identifier
    features: dict[str, int]


class SyncCompensated(Canonical):
    """A change was undone in every system; `reason` in words."""

    change_id: Identifier
    subscription_id: Identifier
    outcome: str
    reason: str


class SyncRequeued(Canonical):
    """The saga of a change was ended before it was done, and the change is carried out anew;
    `reason` says how and by whom. `times` counts. After too many operations is asked instead."""

    change_id: Identifier
    subscription_id: Identifier
    reason: str
    times: int


class SyncHeld(Canonical):
    """A person keeps a change from being carried out, or lets it go on."""

    change_id: Identifier
    subscription_id: Identifier
    by: str
    reason: str


class ExceptionOpened(Canonical):
    exception_id: Identifier
    change_id: Identifier
    code: str
    owner: str
    subject: str | None
    at_risk: Money | None


class StreamTried(Canonical):
    """Somebody tries out whether a stream arrives. It says nothing else, and is not in the feed."""

    stream: Identifier
    by: str


class ExceptionResolved(Canonical):
    exception_id: Identifier
    change_id: Identifier
    resolution: str
    by: str


class PeriodClosed(Canonical):
    """A month of a legal entity was closed. Its report is the `version` that `close_id` names;
    `digest` is the SHA-256 of that report, in hex."""

    legal_entity: Identifier
    period: str
    close_id: Identifier
    version: int
    digest: str
    by: str
    at: Instant


class PeriodReopened(Canonical):
    """Documents may be dated into a closed month again. `close_id` and `version` are of the report
    by which it was closed, which is kept."""

    legal_entity: Identifier
    period: str
    close_id: Identifier
    version: int
    by: str
    reason: str
    at: Instant


#: Every published type with the model of its data.
TYPES: dict[str, type[Canonical]] = {
    "subscription.activated.v1": SubscriptionChanged,
    "subscription.amended.v1": SubscriptionChanged,
    "subscription.renewed.v1": SubscriptionChanged,
    "subscription.cancelled.v1": SubscriptionChanged,
    "subscription.suspended.v1": SubscriptionChanged,
    "subscription.restored.v1": SubscriptionChanged,
    "subscription.renewal_due.v1": RenewalDue,
    "payment.confirmed.v1": PaymentMoved,
    "payment.failed.v1": PaymentReminder,
    "payment.refunded.v1": PaymentMoved,
    "payment.disputed.v1": PaymentMoved,
    "payment.reminder_due.v1": PaymentReminder,
    "invoice.posted.v1": InvoicePosted,
    "invoice.status_changed.v1": InvoiceStatusChanged,
    "invoice.decided.v1": InvoiceDecided,
    "entitlement.granted.v1": EntitlementChanged,
    "entitlement.changed.v1": EntitlementChanged,
    "entitlement.revoked.v1": EntitlementChanged,
    "entitlement.timed.v1": EntitlementTimed,
    "support.entitlement_published.v1": SupportEntitlementPublished,
    "case.escalated.v1": CaseEscalated,
    "sync.completed.v1": SubscriptionChanged,
    "sync.compensated.v1": SyncCompensated,
    "sync.requeued.v1": SyncRequeued,
    "sync.held.v1": SyncHeld,
    "sync.released.v1": SyncHeld,
    "sync.exception_opened.v1": ExceptionOpened,
    "sync.exception_escalated.v1": ExceptionOpened,
    "sync.exception_resolved.v1": ExceptionResolved,
    "period.closed.v1": PeriodClosed,
    "period.reopened.v1": PeriodReopened,
    "stream.tried.v1": StreamTried,
}

#: Old type to (newer type, function over its data); empty until a version is superseded.
UPCASTERS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {}


class Event(Canonical):
    """A CloudEvents 1.0 envelope around the data of one of TYPES."""

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    #: `/tenants/{tenant}`
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any] = Field(default_factory=dict)


def event(tenant: str, kind: str, *, key: str, subject: str, data: Canonical) -> Event:
    """`key` names the occurrence: the same occurrence always has the same event id."""
    if not isinstance(data, TYPES[kind]):
        raise TypeError(f"{kind} carries {TYPES[kind].__name__}, not {type(data).__name__}")
    return Event(
        id=f"{key}/{kind}",
        source=f"/tenants/{tenant}",
        type=f"{NAMESPACE}.{kind}",
        subject=subject,
        time=datetime.now(UTC),
        data=data.model_dump(mode="json"),
    )


def lift(kind: str, data: dict[str, Any]) -> tuple[str, Canonical]:
    """The newest version of an event of any published version. Raises KeyError for others."""
    while kind in UPCASTERS:
        kind, upcast = UPCASTERS[kind]
        data = upcast(data)
    return kind, TYPES[kind].model_validate(data, strict=False)


def lifted(told: Event) -> Event:
    """The event in the newest version of its type; it is the same occurrence, and keeps its id."""
    kind = told.type.removeprefix(f"{NAMESPACE}.")
    if kind not in UPCASTERS:
        return told
    newest, data = lift(kind, told.data)
    return told.model_copy(
        update={"type": f"{NAMESPACE}.{newest}", "data": data.model_dump(mode="json")}
    )


def entitlement_event(*, held: bool, holds: bool) -> str:
    """By whether the subscription gave anything before, and whether it does now."""
    if not held:
        return "entitlement.granted.v1"
    return "entitlement.changed.v1" if holds else "entitlement.revoked.v1"


def subscription_event(kind: ChangeKind) -> str | None:
    """The type under which a completed change is published; None where only money moved."""
    match kind:
        case ChangeKind.PAYMENT:
            return None
        case ChangeKind.SUSPENSION:
            return "subscription.suspended.v1"
        case ChangeKind.RESTORATION:
            return "subscription.restored.v1"
        case ChangeKind.ACTIVATION:
            return "subscription.activated.v1"
        case ChangeKind.RENEWAL:
            return "subscription.renewed.v1"
        case ChangeKind.CANCELLATION:
            return "subscription.cancelled.v1"
        case _:
            return "subscription.amended.v1"
