"""Examples for OpenAPI of backfills."""

from typing import Any

from starter_api.v1 import examples_batches

ASKED: dict[str, Any] = {
    "subject": "history",
    "since": "2026-11-01T00:00:00Z",
    "until": "2026-11-03T00:00:00Z",
    "reason": "webhooks were switched off that weekend",
}

APPLIED: dict[str, Any] = {**ASKED, "apply": True, "trial": True, "rate": 120}

_OF: dict[str, Any] = {
    "selection": {
        "subject": "history",
        "customers": [],
        "since": "2026-11-01T00:00:00Z",
        "until": "2026-11-03T00:00:00Z",
        "item": None,
        "target": None,
    },
    "rehearsal": True,
    "rehearsed": None,
    "reason": "webhooks were switched off that weekend",
}

REPORT: dict[str, Any] = {
    "batch": {
        **examples_batches.BATCH,
        "batch_id": "bfl_0d9c8b7a6f5e",
        "kind": "backfill",
        "given": _OF,
        "state": "ended",
        "counts": {"done": 412},
        "rate": None,
        "ended_at": "2026-11-22T10:43:09Z",
    },
    "of": _OF,
    "comes": {"goes_through": 409, "then_waits": 3},
    "agree": 371,
    "writes": [
        {"system": "billing", "effect": "write back", "items": 38, "count": 38},
        {"system": "erp", "effect": "post document", "items": 31, "count": 36},
    ],
    "totals": [
        {
            "legal_entity": "LE-DE",
            "documents": 36,
            "net": {"minor": 360000, "currency": "EUR"},
            "tax": {"minor": 68400, "currency": "EUR"},
            "gross": {"minor": 428400, "currency": "EUR"},
            "earliest": "2026-11-01",
        }
    ],
    "estimate": {
        "items": 41,
        "connections": [
            {
                "connection": "billing",
                "requests": 202,
                "documented": 25.0,
                "learned": 91.4,
                "seconds": 9,
            },
            {
                "connection": "erp",
                "requests": 298,
                "documented": None,
                "learned": 6.7,
                "seconds": 45,
            },
        ],
        "seconds_alone": 45,
        "seconds_beside": 405,
    },
}
