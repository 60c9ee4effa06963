"""Examples for OpenAPI of the audit trail."""

from typing import Any

DECIDED: dict[str, Any] = {
    "number": 4711,
    "at": "2026-11-22T10:41:00.120000Z",
    "sealed_at": "2026-11-22T10:41:00.900000Z",
    "source": "decisions",
    "who": "Fay",
    "origin": "api 192.0.2.7",
    "action": "correct",
    "object": "exc_5f1d2c3b4a596877",
    "objects": ["dec_0d9c8b7a6f5e4d3c2b1a", "exc_5f1d2c3b4a596877", "chg_01"],
    "before": {"item": None},
    "after": {"item": "AI-ADDON"},
    "reason": "wrong SKU in billing",
    "erased": False,
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "link": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
}
