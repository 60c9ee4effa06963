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

from canonical_models.amendment import ChangeTrigger
from connectors.ports import SignatureRefused, UnreadableEvent
from connectors.refusals import fault_of
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
from connectors.stripe.wire_events import (
    ChargeInEvent,
    CreditNoteInEvent,
    CustomerInEvent,
    Event,
    EventEnvelope,
    InvoiceInEvent,
    InvoiceItemInEvent,
    OfChargeInEvent,
    ShareInEvent,
    SubscriptionInEvent,
    TaxIdInEvent,
)

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
        path, reason = fault_of(error)
        raise UnreadableEvent(f"{path}: {reason}") from None


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


class StripeWebhooks:
    """A `WebhookTranslator`."""

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

    def trigger(self, body: bytes) -> ChangeTrigger | None:
        """The change an event speaks of; None for types and updates that do not concern us.

        A payment of a part of an invoice is `invoice_payment.paid` alone; the last part is
        `invoice.paid` too.
        """
        data = _decoded(body)
        read = _READERS.get(_fit(EventEnvelope, data).type)
        return None if read is None else read(data)


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
