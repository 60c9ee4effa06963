"""Thin events: they name an object of the first API and do not show it. Pure.

What an event tells by its name alone is told at once. Of all others the event that Stripe made
beside it, or else the object as it is now, is read: `thin_reading.py`. A snapshot in a form that is
not known names its object as well, and is read so.
Source: https://docs.stripe.com/event-destinations, https://docs.stripe.com/api/v2/core/events.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, ValidationError

from canonical_models.amendment import ChangeKind, ChangeTrigger, NamedOnly
from canonical_models.base import Identifier
from canonical_models.cash import PayoutTrigger
from connectors.ports import UnreadableEvent
from connectors.stripe.wire import Identified, UnixTime, Wire

THIN = "v2.core.event"
#: In front of the keys of what we note in metadata, which Stripe repeats in the event of it.
NOTE_KEY = "trueup-note/"
_PREFIX = "v1."

_CUSTOMER = re.compile(r"/v1/customers/([A-Za-z0-9_-]{1,255})(?:/|$)")
_OBJECT = re.compile(r"/v1(/[A-Za-z0-9_-]{1,255}){1,5}")

#: What needs no reading: the subscription or customer is looked at, whatever it is now.
_KINDS = {
    "customer.subscription.created": ChangeKind.ACTIVATION,
    "customer.subscription.deleted": ChangeKind.CANCELLATION,
    "customer.subscription.paused": ChangeKind.OTHER,
    "customer.subscription.resumed": ChangeKind.OTHER,
}
_OF_CUSTOMER = ("customer.deleted", "customer.tax_id.")


def _time(said: object) -> object:
    try:
        return datetime.fromisoformat(said) if isinstance(said, str) else said
    except ValueError:
        return said


class _Related(Wire):
    id: Identifier
    type: str
    url: str


class _Request(Wire):
    idempotency_key: str | None = None


class _Reason(Wire):
    request: _Request | None = None


class Changes(Wire):
    """The members that an update changed, as they were."""

    before: dict[str, Any] | None = None


class ThinEvent(Identified):
    """As it is sent; `snapshot_event` and `changes` are shown when it is read, if at all."""

    type: Identifier
    created: Annotated[AwareDatetime, BeforeValidator(_time)]
    related_object: _Related | None = None
    reason: _Reason | None = None
    snapshot_event: Identifier | None = None
    changes: Changes | None = None

    @property
    def kind(self) -> str:
        """The type of the snapshot event that says the same; other types are their own."""
        return kind_of(self.type)

    @property
    def is_our_note(self) -> bool:
        """Whether it tells of nothing but what we have noted there ourselves."""
        request = self.reason.request if self.reason else None
        key = (request.idempotency_key if request else None) or ""
        return key.startswith(NOTE_KEY) and self.kind.endswith(".updated")

    @property
    def object_path(self) -> str | None:
        """Where the object is read; None where the event names none of the first API."""
        url = self.related_object.url if self.related_object else ""
        return url if _OBJECT.fullmatch(url) else None


class UnfitSnapshot(ThinEvent):
    """An event that shows its object in a form that is not known: no other event shows it."""


class _Snapshot(Identified):
    type: Identifier
    created: UnixTime
    data: dict[str, Any]


class _Held(Identified):
    object: str


#: Where the objects of events are read that are heard.
_FOLDERS = {
    "charge": "charges",
    "credit_note": "credit_notes",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "invoiceitem": "invoiceitems",
    "refund": "refunds",
    "subscription": "subscriptions",
}


def kind_of(said: str) -> str:
    return said.removeprefix(_PREFIX)


def thin_trigger(event: ThinEvent, heard: Collection[str]) -> ChangeTrigger | NamedOnly | None:
    """None for what concerns nobody here. Raises UnreadableEvent where it names nothing."""
    kind, related = event.kind, event.related_object
    if kind not in heard or event.is_our_note:
        return None
    if related is not None and kind in _KINDS and related.type == "subscription":
        return _trigger(event, _KINDS[kind], subscription=related.id)
    found = _CUSTOMER.match(related.url) if related is not None else None
    if found and kind.startswith(_OF_CUSTOMER):
        return _trigger(event, ChangeKind.ACCOUNT, customer=found[1])
    if (named := named_only(event)) is None:
        raise UnreadableEvent(
            "$.related_object: a thin event that names no object of the first API: compare it with "
            "Stripe's documentation; reconciliation finds what it tells"
        )
    return named


def of_snapshot(event: dict[str, Any]) -> UnfitSnapshot | None:
    """What an event of the style Snapshot names; None where it names nothing that can be read."""
    try:
        found = _Snapshot.model_validate(event)
        held = _Held.model_validate(found.data["object"])
        folder = _FOLDERS[held.object]
    except (KeyError, ValidationError):
        return None
    before = found.data.get("previous_attributes")
    return UnfitSnapshot(
        id=found.id,
        type=found.type,
        created=datetime.fromtimestamp(found.created, UTC),
        related_object=_Related(id=held.id, type=held.object, url=f"/v1/{folder}/{held.id}"),
        changes=Changes(before=before) if isinstance(before, dict) else None,
    )


def named_only(event: ThinEvent) -> NamedOnly | None:
    """None where the object that it names cannot be read."""
    related = event.related_object
    if related is None or event.object_path is None:
        return None
    return NamedOnly(event_id=event.id, what=f"{related.type.replace('_', ' ')} {related.id}"[:300])


def thin_payout(event: ThinEvent, heard: Collection[str]) -> PayoutTrigger | None:
    """The payout that it names. Raises UnreadableEvent where it names none."""
    if event.kind not in heard:
        return None
    if event.related_object is None or event.related_object.type != "payout":
        raise UnreadableEvent("$.related_object: a thin event of a payout that names none")
    return PayoutTrigger(event_id=event.id, payout_id=event.related_object.id)


def _trigger(
    event: ThinEvent,
    kind: ChangeKind,
    *,
    subscription: str | None = None,
    customer: str | None = None,
) -> ChangeTrigger:
    return ChangeTrigger(
        event_id=event.id,
        subscription_id=subscription,
        customer_id=customer,
        kind=kind,
        occurred_at=event.created,
    )
