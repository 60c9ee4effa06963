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
    """A commercial change that every system now agrees on."""

    change_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier
    kind: ChangeKind
    summary: str
    effective_at: Instant
    amount: Money | None
    erp_document: str | None


class InvoicePosted(Canonical):
    change_id: Identifier
    subscription_id: Identifier
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


class SyncCompensated(Canonical):
    """A change was undone in every system; `reason` in words."""

    change_id: Identifier
    subscription_id: Identifier
    outcome: str
    reason: str


class ExceptionOpened(Canonical):
    exception_id: Identifier
    change_id: Identifier
    code: str
    owner: str
    subject: str | None
    at_risk: Money | None


class ExceptionResolved(Canonical):
    exception_id: Identifier
    change_id: Identifier
    resolution: str
    by: str


#: Every published type with the model of its data.
TYPES: dict[str, type[Canonical]] = {
    "subscription.activated.v1": SubscriptionChanged,
    "subscription.amended.v1": SubscriptionChanged,
    "subscription.renewed.v1": SubscriptionChanged,
    "subscription.cancelled.v1": SubscriptionChanged,
    "invoice.posted.v1": InvoicePosted,
    "entitlement.granted.v1": EntitlementChanged,
    "entitlement.changed.v1": EntitlementChanged,
    "entitlement.revoked.v1": EntitlementChanged,
    "support.entitlement_published.v1": SupportEntitlementPublished,
    "sync.completed.v1": SubscriptionChanged,
    "sync.compensated.v1": SyncCompensated,
    "sync.exception_opened.v1": ExceptionOpened,
    "sync.exception_resolved.v1": ExceptionResolved,
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


def entitlement_event(*, held: bool, holds: bool) -> str:
    """By whether the subscription gave anything before, and whether it does now."""
    if not held:
        return "entitlement.granted.v1"
    return "entitlement.changed.v1" if holds else "entitlement.revoked.v1"


def subscription_event(kind: ChangeKind) -> str:
    """The type under which a completed change is published."""
    match kind:
        case ChangeKind.ACTIVATION:
            return "subscription.activated.v1"
        case ChangeKind.RENEWAL:
            return "subscription.renewed.v1"
        case ChangeKind.CANCELLATION:
            return "subscription.cancelled.v1"
        case _:
            return "subscription.amended.v1"
