"""What Zendesk's webhooks prove and say; signed here from Zendesk's documentation alone."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from canonical_models.support import CaseTold, CaseWord
from connectors.ports import SignatureRefused, UnreadableEvent
from connectors.zendesk.webhooks import TOLERANCE, ZendeskWebhooks

WEBHOOKS = ZendeskWebhooks()
SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
STAMP = "2026-11-22T10:00:30Z"
NOW = datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC).timestamp()


def body(**changes: Any) -> bytes:
    ticket = {
        "id": "4711",
        "organization": "cus_1",
        "priority": "Urgent",
        "url": "https://acme.zendesk.com/tickets/4711",
    }
    said: dict[str, Any] = {
        "id": "4711-2026-11-22T10:00Z",
        "type": "ticket.escalated",
        "time": "2026-11-22T10:00Z",
        "ticket": ticket | changes.pop("ticket", {}),
    }
    return json.dumps(said | changes).encode()


def signed(sent: bytes, *, secret: str = SECRET, stamp: str = STAMP) -> dict[str, str]:
    digest = hmac.new(secret.encode(), stamp.encode() + sent, hashlib.sha256).digest()
    return {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": stamp,
    }


def verify(headers: dict[str, str], sent: bytes, *secrets: str, now: float = NOW) -> None:
    WEBHOOKS.verify(headers, sent, secrets=secrets or (SECRET,), now=now)


def test_the_documented_example_is_authentic() -> None:
    """Zendesk's own page signs this with the secret that every account has for trying out."""
    verify(signed(b"{}"), b"{}")
    verify({name.title(): value for name, value in signed(b"{}").items()}, b"{}")


def test_any_secret_that_is_rolled_over_proves_it() -> None:
    verify(signed(body(), secret="old"), body(), "new", "old")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(body(), secret="other"),
        signed(b"something else"),
        signed(body()) | {"x-zendesk-webhook-signature-timestamp": "2026-11-22T10:00:31Z"},
        signed(body()) | {"x-zendesk-webhook-signature": "short"},
        signed(body(), stamp="1795341630"),
        signed(body(), stamp="2026-13-40T10:00:30Z"),
    ],
)
def test_what_was_not_signed_so_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureRefused):
        verify(headers, body())


def test_without_a_secret_nothing_is_authentic() -> None:
    with pytest.raises(SignatureRefused):
        WEBHOOKS.verify(signed(body(), secret=""), body(), secrets=("",), now=NOW)
    with pytest.raises(SignatureRefused):
        WEBHOOKS.verify(signed(body()), body(), secrets=(), now=NOW)


@pytest.mark.parametrize("away", [TOLERANCE + 1, -TOLERANCE - 1])
def test_an_old_signature_is_refused(away: int) -> None:
    verify(signed(body()), body(), now=NOW + (away - 1 if away > 0 else away + 1))
    with pytest.raises(SignatureRefused):
        verify(signed(body()), body(), now=NOW + away)


def test_an_escalation_is_told() -> None:
    assert WEBHOOKS.envelope(body()) == ("4711-2026-11-22T10:00Z", "ticket.escalated")
    assert WEBHOOKS.trigger(body()) == CaseTold(
        event_id="4711-2026-11-22T10:00Z",
        word=CaseWord.ESCALATED,
        case_id="4711",
        organization="cus_1",
        priority="Urgent",
        url="https://acme.zendesk.com/tickets/4711",
        at=datetime(2026, 11, 22, 10, tzinfo=UTC),
    )


def test_what_a_placeholder_leaves_empty_is_not_there() -> None:
    empty = {"organization": "", "priority": " ", "url": "javascript:alert(1)"}
    found = WEBHOOKS.trigger(body(type="ticket.solved", ticket=empty))
    assert found is not None
    assert found.word is CaseWord.SOLVED
    assert (found.organization, found.priority, found.url) == (None, None, None)


def test_other_types_do_not_concern_us() -> None:
    assert WEBHOOKS.trigger(body(type="zen:event-type:ticket.created", ticket={"id": 7})) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b'{"type": "ticket.escalated"}',
        body(time="22 November"),
        body(time="2026-11-22T10:00"),
        body(ticket={"id": ""}),
        body(ticket={"organization": "two words"}),
        body()[:-9],
    ],
)
def test_a_body_that_does_not_fit_says_where(sent: bytes) -> None:
    with pytest.raises(UnreadableEvent, match=r"^\$"):
        WEBHOOKS.trigger(sent)
