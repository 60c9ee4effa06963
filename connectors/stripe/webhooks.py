"""Stripe's webhooks: proof of origin, envelope, and the change they hint at. No I/O.

Source: https://docs.stripe.com/webhooks#verify-manually, https://docs.stripe.com/api/events.
Nothing that arrives can raise anything but SignatureRefused before it is proven authentic, and
UnreadableEvent after.
"""

import hmac
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from canonical_models.amendment import ChangeHint, PaymentHint
from connectors.ports import SignatureRefused, UnreadableEvent
from connectors.stripe.hints import (
    charge_hint,
    credit_note_hint,
    invoice_hint,
    of_charge_hint,
    share_hint,
    subscription_hint,
)
from connectors.stripe.wire import fault_of
from connectors.stripe.wire_events import (
    ChargeInEvent,
    CreditNoteInEvent,
    Event,
    EventEnvelope,
    InvoiceInEvent,
    OfChargeInEvent,
    ShareInEvent,
    SubscriptionInEvent,
)

#: Seconds that a signature may be old, or ahead of our clock.
TOLERANCE = 300

#: Stripe signs once for each secret it rolls over; a longer header is not Stripe's.
_MOST_HEADER = 4096
_MOST_SIGNATURES = 16
_NAME = re.compile(r"[!-~]{1,255}")
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")

_SUBSCRIPTION_TYPES = frozenset(
    f"customer.subscription.{end}" for end in ("created", "updated", "deleted", "paused", "resumed")
)
_INVOICE_TYPES = frozenset(
    f"invoice.{end}"
    for end in (
        "finalized",
        "paid",
        "payment_failed",
        "voided",
        "marked_uncollectible",
        "overdue",
    )
)
_CREDIT_NOTE_TYPES = frozenset(f"credit_note.{end}" for end in ("created", "updated", "voided"))
_OF_CHARGE_TYPES = frozenset(
    {
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
        "refund.failed",
    }
)

M = TypeVar("M", bound=BaseModel)


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

    def hint(self, body: bytes) -> ChangeHint | PaymentHint | None:
        """The change an event speaks of; None for types and updates that do not concern us.

        A refund is heard of as `charge.refunded`, and not again as `refund.created`. A payment of
        a part of an invoice is `invoice_payment.paid` alone; the last part is `invoice.paid` too.
        """
        data = _decoded(body)
        kind = _fit(EventEnvelope, data).type
        if kind in _SUBSCRIPTION_TYPES:
            return subscription_hint(_fit(Event[SubscriptionInEvent], data))
        if kind in _INVOICE_TYPES:
            return invoice_hint(_fit(Event[InvoiceInEvent], data))
        if kind == "invoice_payment.paid":
            return share_hint(_fit(Event[ShareInEvent], data))
        if kind == "charge.refunded":
            return charge_hint(_fit(Event[ChargeInEvent], data))
        if kind in _CREDIT_NOTE_TYPES:
            return credit_note_hint(_fit(Event[CreditNoteInEvent], data))
        if kind in _OF_CHARGE_TYPES:
            return of_charge_hint(_fit(Event[OfChargeInEvent], data))
        return None


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


def _fit(model: type[M], data: Any) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        path, reason = fault_of(error)
        raise UnreadableEvent(f"{path}: {reason}") from None
