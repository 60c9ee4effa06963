"""Zendesk's webhooks: proof of origin, envelope, and the case that they tell of. No I/O.

Source: https://developer.zendesk.com/documentation/webhooks/verifying/. What a webhook says is up
to the triggers of the account that call it: docs/support.md has the body that is expected here.
Nothing that arrives can raise anything but SignatureRefused before it is proven authentic, and
UnreadableEvent after.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError

from canonical_models.base import Identifier
from canonical_models.support import CaseTold, CaseWord
from connectors.ports import SignatureRefused, UnreadableEvent
from connectors.refusals import unfit
from connectors.zendesk.wire import Wire

#: Seconds that a signature may be old, or ahead of our clock.
TOLERANCE = 300

_SIGNATURE, _TIMESTAMP = "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:?[0-9]{2})")
_ADDRESS = re.compile(r"https?://[!-~]{1,1000}")

_WORDS = {"ticket.escalated": CaseWord.ESCALATED, "ticket.solved": CaseWord.SOLVED}

M = TypeVar("M", bound=BaseModel)


def _time(said: object) -> object:
    """Zendesk's placeholders leave the seconds out: `2026-11-22T10:00Z`."""
    if not isinstance(said, str) or _TIME.fullmatch(said) is None:
        return said
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return said


def _given(said: object) -> object:
    """A placeholder of what is not there comes out empty."""
    return said.strip() or None if isinstance(said, str) else said


def _address(said: object) -> object:
    """What is no web address is none to follow."""
    return said if isinstance(said, str) and _ADDRESS.fullmatch(said) else None


class _Envelope(Wire):
    id: Identifier
    type: Identifier


class _Ticket(Wire):
    id: Identifier
    organization: Annotated[Identifier | None, BeforeValidator(_given)] = None
    priority: Annotated[str | None, Field(max_length=40), BeforeValidator(_given)] = None
    url: Annotated[str | None, BeforeValidator(_address)] = None


class _Told(_Envelope):
    time: Annotated[AwareDatetime, BeforeValidator(_time)]
    ticket: _Ticket


class ZendeskWebhooks:
    """A `WebhookTranslator`."""

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        """Base64 of HMAC-SHA256 over timestamp and body, under any of `secrets`; the timestamp
        within TOLERANCE of `now`."""
        named = {name.lower(): value for name, value in headers.items()}
        signature, stamp = named.get(_SIGNATURE, ""), named.get(_TIMESTAMP, "")
        if not signature or not stamp:
            raise SignatureRefused(
                "the request has no X-Zendesk-Webhook-Signature, or not its timestamp"
            )
        if _BASE64.fullmatch(signature) is None:
            raise SignatureRefused("the X-Zendesk-Webhook-Signature header holds no signature")
        at = _time(stamp)
        if not isinstance(at, datetime):
            raise SignatureRefused("the timestamp of the signature is no time in ISO 8601")
        if abs(now - at.timestamp()) > TOLERANCE:
            raise SignatureRefused(
                f"the signature's time differs from ours by more than {TOLERANCE} seconds: "
                "check the clock of this machine, or have the webhook sent again"
            )
        signed = stamp.encode() + body
        expected = [_signature(secret, signed) for secret in secrets if secret]
        # Every pair is compared, so that the time taken says nothing about which one was close.
        matches = [hmac.compare_digest(ours, signature.encode()) for ours in expected]
        if not any(matches):
            raise SignatureRefused(
                "the signature matches no secret of this connection: compare `webhook_secrets` "
                "with the signing secret of the webhook in Zendesk's Admin Centre"
            )

    def envelope(self, body: bytes) -> tuple[str, str]:
        """(event id, event type). Raises UnreadableEvent."""
        found = _fit(_Envelope, body)
        return found.id, found.type

    def account(self, body: bytes) -> None:
        """There is one."""
        del body

    def payout(self, body: bytes) -> None:
        """Support pays nothing out."""
        del body

    def trigger(self, body: bytes) -> CaseTold | None:
        """The case that was escalated or solved; None for other types. Raises UnreadableEvent."""
        word = _WORDS.get(_fit(_Envelope, body).type)
        if word is None:
            return None
        told = _fit(_Told, body)
        return CaseTold(
            event_id=told.id,
            word=word,
            case_id=told.ticket.id,
            organization=told.ticket.organization,
            priority=told.ticket.priority,
            url=told.ticket.url,
            at=told.time,
        )


def _signature(secret: str, signed: bytes) -> bytes:
    key = secret.encode(errors="surrogateescape")
    return base64.b64encode(hmac.digest(key, signed, "sha256"))


def _fit(model: type[M], body: bytes) -> M:
    try:
        return model.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise UnreadableEvent(
            f"$: the body is not JSON ({error.msg} at byte {error.pos}): compare the body of the "
            "webhook's trigger with docs/support.md"
        ) from None
    except ValidationError as error:
        raise unfit(error) from None
