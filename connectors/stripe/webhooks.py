"""Stripe's webhooks: proof of origin, envelope, and the change they trigger. No I/O.

Source: https://docs.stripe.com/webhooks#verify-manually, https://docs.stripe.com/api/events.
Nothing that arrives can raise anything but SignatureRefused before it is proven authentic, and
UnreadableEvent after.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from canonical_models.amendment import ChangeTrigger, NamedOnly
from canonical_models.cash import PayoutTrigger
from canonical_models.failures import ContractDrift
from connectors.misfits import being_read, reading
from connectors.noting import Noted, noted
from connectors.ports import SignatureRefused, UnfitEvent, UnreadableEvent
from connectors.refusals import unfit
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.options import StripeOptions
from connectors.stripe.thin import (
    THIN,
    ThinEvent,
    kind_of,
    named_only,
    of_snapshot,
    thin_payout,
    thin_trigger,
)
from connectors.stripe.triggers import (
    charge_trigger,
    credit_note_trigger,
    customer_trigger,
    invoice_trigger,
    item_trigger,
    of_charge_trigger,
    share_trigger,
    subscription_trigger,
    tax_id_trigger,
)
from connectors.stripe.versions import OLDEST, as_read, is_understood
from connectors.stripe.wire_cash import PayoutInEvent
from connectors.stripe.wire_events import (
    ChargeInEvent,
    CreditNoteInEvent,
    CustomerInEvent,
    Event,
    EventEnvelope,
    InvoiceInEvent,
    InvoiceItemInEvent,
    OfChargeInEvent,
    Origin,
    ShareInEvent,
    SubscriptionInEvent,
    TaxIdInEvent,
)
from connectors.stripe.words import EVENTS_NOT_HEARD
from connectors.words import note

#: Seconds that a signature may be old, or ahead of our clock.
TOLERANCE = 300

#: Stripe signs once for each secret it rolls over; a longer header is not Stripe's.
_MOST_HEADER = 4096
_MOST_SIGNATURES = 16
_NAME = re.compile(r"[!-~]{1,255}")
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")

M = TypeVar("M", bound=BaseModel)

Reader = Callable[[Any], ChangeTrigger | None]


def _fit(model: type[M], data: Any) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise unfit(error) from None


def _reading(model: type[M], trigger: Callable[[M], ChangeTrigger | None]) -> Reader:
    def read(data: Any) -> ChangeTrigger | None:
        return trigger(_fit(model, data))

    return read


_SUBSCRIPTION = _reading(Event[SubscriptionInEvent], subscription_trigger)
_INVOICE = _reading(Event[InvoiceInEvent], invoice_trigger)
_ITEM = _reading(Event[InvoiceItemInEvent], item_trigger)
_SHARE = _reading(Event[ShareInEvent], share_trigger)
_CHARGE = _reading(Event[ChargeInEvent], charge_trigger)
_OF_CHARGE = _reading(Event[OfChargeInEvent], of_charge_trigger)
_CREDIT_NOTE = _reading(Event[CreditNoteInEvent], credit_note_trigger)
_CUSTOMER = _reading(Event[CustomerInEvent], customer_trigger)
_TAX_ID = _reading(Event[TaxIdInEvent], tax_id_trigger)

#: The types of events that are heard, by how they are read. Others say what these say as well, or
#: what concerns nobody here.
_READERS: dict[str, Reader] = {
    "customer.subscription.created": _SUBSCRIPTION,
    "customer.subscription.updated": _SUBSCRIPTION,
    "customer.subscription.deleted": _SUBSCRIPTION,
    "customer.subscription.paused": _SUBSCRIPTION,
    "customer.subscription.resumed": _SUBSCRIPTION,
    "customer.updated": _CUSTOMER,
    "customer.deleted": _CUSTOMER,
    "customer.tax_id.created": _TAX_ID,
    "customer.tax_id.updated": _TAX_ID,
    "customer.tax_id.deleted": _TAX_ID,
    "invoice.created": _INVOICE,
    "invoice.updated": _INVOICE,
    "invoice.deleted": _INVOICE,
    "invoice.finalized": _INVOICE,
    "invoice.paid": _INVOICE,
    "invoice.overpaid": _INVOICE,
    "invoice.payment_failed": _INVOICE,
    "invoice.overdue": _INVOICE,
    "invoice.voided": _INVOICE,
    "invoice.marked_uncollectible": _INVOICE,
    "invoice_payment.paid": _SHARE,
    "invoiceitem.created": _ITEM,
    # Of endpoints of older versions alone.
    "invoiceitem.updated": _ITEM,
    "invoiceitem.deleted": _ITEM,
    "credit_note.created": _CREDIT_NOTE,
    "credit_note.updated": _CREDIT_NOTE,
    "credit_note.voided": _CREDIT_NOTE,
    "charge.refunded": _CHARGE,
    # What older endpoints say of a refund that changes.
    "charge.refund.updated": _OF_CHARGE,
    "refund.created": _OF_CHARGE,
    "refund.updated": _OF_CHARGE,
    "refund.failed": _OF_CHARGE,
    "charge.dispute.created": _OF_CHARGE,
    "charge.dispute.updated": _OF_CHARGE,
    "charge.dispute.closed": _OF_CHARGE,
    "charge.dispute.funds_withdrawn": _OF_CHARGE,
    "charge.dispute.funds_reinstated": _OF_CHARGE,
}

#: Events of payouts that are heard: whatever they say, the payout is read as it is then.
_PAYOUTS = frozenset(
    {
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.failed",
        "payout.canceled",
        "payout.reconciliation_completed",
    }
)


#: The kinds of objects whose events are heard.
_FAMILIES = frozenset(kind.partition(".")[0] for kind in (*_READERS, *_PAYOUTS))
#: Not offered to endpoints of today's version.
_OF_OLDER_VERSIONS = frozenset({"invoiceitem.updated", "charge.refund.updated"})


def events_heard(*, payouts: bool) -> tuple[str, ...]:
    """The types that an endpoint is to send, by name; those of payouts where they are booked."""
    heard = _READERS.keys() - _OF_OLDER_VERSIONS
    return tuple(sorted(heard | _PAYOUTS if payouts else heard))


class StripeWebhooks:
    """A `WebhookTranslator`. Events of the other mode, or of another account of Stripe Connect, are
    refused: they are kept as dead letters and nothing is ever done about them."""

    def __init__(self, options: StripeOptions | None = None) -> None:
        self._options = options or StripeOptions()

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        """HMAC-SHA256 over `t.body` under any of `secrets`; `t` within TOLERANCE of `now`."""
        header = headers.get("stripe-signature") or next(
            (value for name, value in headers.items() if name.lower() == "stripe-signature"), None
        )
        if header is None:
            raise SignatureRefused("the request has no Stripe-Signature header")
        time, signatures = _parsed(header)
        if abs(now - int(time)) > TOLERANCE:
            raise SignatureRefused(
                f"the signature's time differs from ours by more than {TOLERANCE} seconds: "
                "check the clock of this machine, or resend the event"
            )
        signed = time.encode() + b"." + body
        expected = [_signature(secret, signed) for secret in secrets if secret]
        # Every pair is compared, so that the time taken says nothing about which one was close.
        matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
        if not any(matches):
            raise SignatureRefused(
                "no signature matches the secrets of this connection: compare them with the "
                "signing secret of the webhook endpoint"
            )

    def envelope(self, body: bytes) -> tuple[str, str]:
        """(event id, event type). Raises UnreadableEvent."""
        data = _decoded(body)
        if isinstance(data, dict):
            match data.get("id"), data.get("type"):
                # The model says the same, in the time of all the rest of the reading.
                case str(name), str(kind) if _NAME.fullmatch(name) and _NAME.fullmatch(kind):
                    return name, kind
        found = _fit(EventEnvelope, data)
        return found.id, found.type

    def account(self, body: bytes) -> str | None:
        """See `WebhookTranslator`."""
        try:
            return _fit(Origin, _decoded(body)).of
        except UnreadableEvent:
            return None

    def trigger(self, body: bytes) -> ChangeTrigger | NamedOnly | None:
        """The change an event speaks of; None for types and updates that do not concern us.

        A payment of a part of an invoice is `invoice_payment.paid` alone; the last part is
        `invoice.paid` too. Of most thin events Stripe has to be asked, and of an event whose object
        is in a form that is not known: that is noted.
        """
        data, kind = self._read(body)
        if kind_of(kind) not in _READERS:
            _note_new(kind_of(kind))
            return None
        self._require_ours(data)
        if data.get("object") == THIN:
            return thin_trigger(_fit(ThinEvent, data), _READERS)
        read = _READERS.get(kind)
        try:
            return None if read is None else read(as_read(data))
        except UnfitEvent as odd:
            event = of_snapshot(data)
            if event is None or (named := named_only(event)) is None:
                raise
            noted(Noted(f"webhook {kind}", odd.path, f"{odd.change}: Stripe is asked instead"))
            return named

    def named(self, body: bytes) -> ThinEvent:
        """What an event of ours names that does not tell enough. Raises UnreadableEvent for one
        that names nothing."""
        data, _ = self._read(body)
        self._require_ours(data)
        event = _fit(ThinEvent, data) if data.get("object") == THIN else of_snapshot(data)
        if event is None:
            raise UnreadableEvent("$.data.object: it names no object that can be read")
        return event

    def told(self, shown: dict[str, Any]) -> ChangeTrigger | None:
        """The change that an event speaks of which was read at Stripe, and is ours so. Raises
        ContractDrift where it is not as Stripe's contract says: once it is, it can be read."""
        try:
            read = _READERS.get(_fit(EventEnvelope, shown).type)
            return None if read is None else read(as_read(shown))
        except UnfitEvent as odd:
            raise ContractDrift(
                f"what Stripe shows of the event {shown['id']} does not fit its contract at "
                f"{odd.path} ({odd.change}): compare the API version {API_VERSION} with Stripe's "
                "changelog",
                system=SYSTEM,
                payload_path=odd.path,
                operation=being_read(),
                change=odd.change,
            ) from None

    def payout(self, body: bytes) -> PayoutTrigger | None:
        """See `WebhookTranslator`."""
        data, kind = self._read(body)
        if kind_of(kind) not in _PAYOUTS:
            return None
        self._require_ours(data)
        if data.get("object") == THIN:
            return thin_payout(_fit(ThinEvent, data), _PAYOUTS)
        if kind not in _PAYOUTS:
            return None
        event = _fit(Event[PayoutInEvent], data)
        return PayoutTrigger(event_id=event.id, payout_id=event.data.object.id)

    def _read(self, body: bytes) -> tuple[dict[str, Any], str]:
        """And its type. Raises UnreadableEvent."""
        data = _decoded(body)
        kind = _fit(EventEnvelope, data).type
        reading(f"webhook {kind}")
        return dict(data), kind

    def _require_ours(self, data: dict[str, Any]) -> None:
        """Raises UnreadableEvent for an event of another mode or account, or of a version that is
        not understood."""
        origin, options = _fit(Origin, data), self._options
        if origin.livemode is not options.live:
            mode = "live" if origin.livemode else "test"
            raise UnreadableEvent(
                f"$.livemode: an event of {mode} mode, and the connection is of {options.mode} "
                "mode, so nothing is done about it: let the endpoint of the other mode lead to a "
                "connection of its own, or correct the option mode and the key"
            )
        account = origin.of
        if account != options.account:
            whose = f"the connected account {account}" if account else "the key's own account"
            wanted = options.account or "the key's own account"
            raise UnreadableEvent(
                f"$.account: an event of {whose}, and the connection is of {wanted}, so nothing is "
                "done about it: give the account a tenant of its own whose billing connection has "
                "the option account, and name both in `connected` of the connection that hears it"
            )
        version = data.get("api_version")
        if version is not None and not is_understood(version):
            raise UnreadableEvent(
                f"$.api_version: events of versions before {OLDEST} are not understood: a version "
                "is fixed when an endpoint is made, so make another (`trueup connections setup`), "
                "then have Stripe send this event again"
            )


def _note_new(kind: str) -> None:
    """A type of a family that is heard may say what should be."""
    known = kind in _PAYOUTS or kind in EVENTS_NOT_HEARD
    if not known and kind.partition(".")[0] in _FAMILIES:
        note("type", kind, "ignored", operation="webhook")


def _parsed(header: str) -> tuple[str, list[bytes]]:
    """The time as it was signed, and the `v1` signatures. Other schemes are not looked at."""
    if len(header) > _MOST_HEADER:
        raise SignatureRefused("the Stripe-Signature header is longer than Stripe's ever is")
    pairs = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or _TIME.fullmatch(times[0]) is None:
        raise SignatureRefused("the Stripe-Signature header does not say one time")
    readable = [value.encode() for value in signatures if _SIGNATURE.fullmatch(value)]
    if not 0 < len(readable) <= _MOST_SIGNATURES:
        raise SignatureRefused("the Stripe-Signature header holds no v1 signature, or too many")
    return times[0], readable


def _signature(secret: str, signed: bytes) -> bytes:
    key = secret.encode(errors="surrogateescape")
    return hmac.digest(key, signed, "sha256").hex().encode()


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableEvent(
            f"$: the body is not JSON ({error.msg} at byte {error.pos})"
        ) from None
