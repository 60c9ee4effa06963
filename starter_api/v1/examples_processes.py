"""Examples for OpenAPI of what runs over time: contract, dunning, grants."""

from typing import Any

_UI = "http://127.0.0.1:8233/namespaces/default/workflows"

CONTRACT: dict[str, Any] = {
    "subscription_id": "sub_1QfTrueup",
    "customer_id": "cus_QfTrueup",
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": None,
    "renews_at": "2026-12-01T00:00:00Z",
    "time_zone": "Europe/Berlin",
    "forecast": "ready",
    "forecast_for": "2026-12-01T00:00:00Z",
    "forecast_amount": {"minor": 49000, "currency": "EUR"},
    "forecast_problem": None,
    "change_id": "chg_01",
}

RENEWAL: dict[str, Any] = {
    "contract": CONTRACT,
    "exception_id": None,
    "workflow_url": f"{_UI}/renewal%2Facme%2Fsub_1QfTrueup",
}

CASE: dict[str, Any] = {
    "case": {
        "invoice_id": "in_1QfTrueup",
        "subscription_id": "sub_1QfTrueup",
        "customer_id": "cus_QfTrueup",
        "stage": "grace",
        "overdue_since": "2026-11-22T10:05:00Z",
        "reminders": 1,
        "extended_days": 0,
        "suspended_at": None,
        "outcome": None,
    },
    "unpaid": {"minor": 14280, "currency": "EUR"},
    "exception_id": None,
    "workflow_url": f"{_UI}/dunning%2Facme%2Fin_1QfTrueup",
}

NEW_GRANT: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "feature": "sso",
    "quantity": 1,
    "source": "trial",
    "starts_at": "2026-12-01T00:00:00Z",
    "ends_at": "2026-12-15T00:00:00Z",
    "reason": "two weeks to try it",
}

GRANT: dict[str, Any] = {
    "grant_id": "grt_0d9c8b7a6f5e4d3c2b1a",
    "grant": {
        **NEW_GRANT,
        "source_id": "grt_0d9c8b7a6f5e4d3c2b1a",
        "subscription_id": None,
    },
    "status": "not_begun",
    "by": "support-desk",
    "at": "2026-11-22T10:30:00Z",
}
GRANT_CHANGED: dict[str, Any] = {"grant": GRANT, "changed": True}

SYNC_STARTED: dict[str, Any] = {"change_id": "chg_02", "already": False, "foreseen": None}

TARGETS_CHECK: dict[str, Any] = {
    "finished": True,
    "looked_at": 412,
    "differences": 1,
    "differing": [
        {
            "target": "app",
            "customer_id": "cus_QfTrueup",
            "revision": 7,
            "held": 5,
            "differences": ["seats: should be 9, is 5"],
        }
    ],
    "problems": [],
}

TARGETS_PUBLISHED: dict[str, Any] = {"customers": {"app": 412, "support": 398}}
