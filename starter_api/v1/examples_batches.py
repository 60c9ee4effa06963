"""Examples for OpenAPI of what is done in bulk."""

from typing import Any

BATCH: dict[str, Any] = {
    "batch_id": "bat_0d9c8b7a6f5e",
    "kind": "replay",
    "given": {"status": "dead_lettered", "reason": "the mapping of refunds was mended"},
    "state": "running",
    "counts": {"not_begun": 380, "at_work": 4, "done": 26, "waits": 2},
    "rate": 600,
    "trial": False,
    "listed": True,
    "why": None,
    "begun_by": "ops-desk",
    "begun_at": "2026-11-22T10:30:00Z",
    "ended_at": None,
}

ITEM: dict[str, Any] = {
    "number": 17,
    "key": "rcp_0d9c8b7a6f5e4d3c2b1a09f8",
    "outcome": "waits",
    "reason": "period_closed: period 2026-10 is closed in LE-DE",
    "change_id": "chg_02",
    "found": None,
    "at": "2026-11-22T10:30:12Z",
}

REPLAY_MANY: dict[str, Any] = {
    "status": "dead_lettered",
    "since": "2026-11-20T00:00:00Z",
    "reason": "the mapping of refunds was mended",
}
