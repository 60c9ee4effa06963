"""A webhook of Zendesk over HTTP: kept as its very bytes where it was signed, else not at all."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import httpx
import psycopg

from tests.harness.webhooks import TENANT

BODY = b'{ "type": "ticket.escalated", "id": "4711-escalated",\n "time": "2026-11-22T10:00Z" }'


def signed(body: bytes, secret: str) -> dict[str, str]:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        "content-type": "application/json",
    }


async def test_what_zendesk_has_signed_is_kept_once(intake: httpx.AsyncClient, dsn: str) -> None:
    path = f"/webhooks/{TENANT}/desk"
    forged = await intake.post(path, content=BODY, headers=signed(BODY, "a guess"))
    other = await intake.post(path, content=BODY + b" ", headers=signed(BODY, "zendesk secret"))
    assert (forged.status_code, other.status_code) == (401, 401)
    answers = [
        await intake.post(path, content=BODY, headers=signed(BODY, secret))
        for secret in ("zendesk secret", "rolled")
    ]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["receipt"] == answers[1].json()["receipt"]
    with psycopg.connect(dsn) as connection:
        kept = connection.execute("select connection, event_type, body from inbox").fetchall()
    assert kept == [("desk", "ticket.escalated", BODY)]
