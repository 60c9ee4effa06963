"""Examples for OpenAPI of who is told of events."""

from typing import Any

ADD: dict[str, Any] = {
    "name": "crm",
    "url": "https://crm.example.com/trueup",
    "secret": "crm-2027",
    "types": ["invoice.*", "payment.*"],
}
DESK: dict[str, Any] = {
    "name": "finance-desk",
    "url": "https://desk.example.com/trueup",
    "secret": "desk",
    "types": ["sync.exception_*"],
    "team": "finance",
}

STREAM: dict[str, Any] = {
    "name": "crm",
    "transport": "http",
    "url": "https://crm.example.com/trueup",
    "secrets": ["crm-2027"],
    "types": ["invoice.*", "payment.*"],
    "team": None,
    "state": "active",
    "added_by": "ops-desk",
    "added_at": "2026-11-20T09:00:00Z",
    "pending": 3,
    "dead": 1,
    "sent_at": "2026-11-22T10:00:03Z",
    "failures": 2,
    "failing_since": "2026-11-22T10:01:00Z",
    "error": "the receiver answered 503",
}

DELIVERY: dict[str, Any] = {
    "position": 1042,
    "event_id": "in_1QfTrueup/invoice.posted.v1",
    "type": "io.trueup.invoice.posted.v1",
    "subject": "sub_1QfTrueup",
    "state": "dead",
    "attempts": 10,
    "due_at": "2026-11-22T10:00:02Z",
    "tried_at": "2026-11-25T14:35:07Z",
    "delivered_at": None,
    "status": 422,
    "answer": '{"error": "no account for this customer"}',
    "error": "the receiver answered 422",
}
SENT: dict[str, Any] = {
    **DELIVERY,
    "state": "delivered",
    "attempts": 1,
    "tried_at": "2026-11-26T08:00:00Z",
    "delivered_at": "2026-11-26T08:00:00Z",
    "status": 204,
    "answer": None,
    "error": None,
}

ANSWER: dict[str, Any] = {
    "status": 401,
    "body": "signature does not match",
    "error": None,
    "retry_after": None,
}

REMOVED: dict[str, Any] = {"name": "crm", "pending": 3}

SENT_AGAIN: dict[str, Any] = {"events": 12}
