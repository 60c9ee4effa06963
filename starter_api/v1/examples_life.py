"""Examples for OpenAPI of what runs over time: contract, invoices, payments, dunning, grants."""

from typing import Any

from starter_api.v1 import examples

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

INVOICE: dict[str, Any] = {
    "invoice": {
        "invoice_id": "in_1QfTrueup",
        "customer_id": "cus_QfTrueup",
        "subscription_id": "sub_1QfTrueup",
        "number": "A-0042",
        "status": "open",
        "total": {"minor": 14280, "currency": "EUR"},
        "paid": {"minor": 0, "currency": "EUR"},
        "created_at": "2026-11-22T10:00:00Z",
        "due_at": None,
        "overdue_since": "2026-11-22T10:05:00Z",
    },
    "subscription_id": "sub_1QfTrueup",
    "standing": "posted",
    "numbers": ["INV-2026-0042"],
    "due_on": "2026-12-06",
    "open": {"minor": 14280, "currency": "EUR"},
    "standing_at": "2026-11-22T10:15:00Z",
    "told": "posted",
}

_PAYMENT: dict[str, Any] = {
    "payment_id": "pi_1QfTrueup",
    "invoice_id": "in_1QfTrueup",
    "subscription_id": "sub_1QfTrueup",
    "state": "confirmed",
    "amount": {"minor": 4280, "currency": "EUR"},
    "moved_at": "2026-11-23T08:00:00Z",
    "entry": "confirmed",
    "entry_id": "77",
    "entry_number": "2026/77",
    "url": None,
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

INVOICE_DETAIL: dict[str, Any] = {
    "summary": INVOICE,
    "age_seconds": 312.5,
    "documents": [
        {
            "document_id": "812",
            "number": "INV-2026-0042",
            "state": "posted",
            "sent": None,
            "issued_on": "2026-11-22",
            "due_on": "2026-12-06",
            "total": {"minor": 14280, "currency": "EUR"},
            "open": {"minor": 14280, "currency": "EUR"},
        }
    ],
    "payments": [_PAYMENT],
    "dunning": CASE,
}

REFRESHED: dict[str, Any] = {
    "finished": True,
    "looked_at": 1,
    "changed": 1,
    "problems": [],
    "was": "unposted",
    "invoice": INVOICE_DETAIL,
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
    "standing": "not_begun",
    "by": "support-desk",
    "at": "2026-11-22T10:30:00Z",
}
GRANT_CHANGED: dict[str, Any] = {"grant": GRANT, "changed": True}

LOOK_ASKED: dict[str, Any] = {"change_id": "chg_02", "already": False}

SUBSCRIPTION_DETAIL: dict[str, Any] = {
    "subscription_id": "sub_1QfTrueup",
    "agreed": examples.AGREED,
    "contract": CONTRACT,
    "entitlements": [examples.ENTITLEMENT],
    "held_back": [examples.HELD_BACK],
    "invoices": [INVOICE],
    "payments": [_PAYMENT],
    "dunning": [CASE],
    "targets": [
        {
            "target": "product",
            "customer_id": "cus_QfTrueup",
            "wanted": 7,
            "confirmed": 7,
            "state": "current",
            "error": None,
            "updated_at": "2026-11-22T10:00:02Z",
        }
    ],
    "open_changes": [],
    "recent_changes": [examples.CHANGE],
    "documents": [
        {
            "document_id": "812",
            "number": "INV-2026-0042",
            "url": None,
            "change_id": "chg_01",
            "state": "posted",
            "net": {"minor": 12000, "currency": "EUR"},
            "lines": 2,
            "at": "2026-11-22T10:00:01.600Z",
        }
    ],
}
