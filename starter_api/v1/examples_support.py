"""Example for OpenAPI of all that a support desk is told of a customer."""

from typing import Any

from starter_api.v1 import examples
from starter_api.v1.examples_books import euros

_READ = "2026-11-22T10:00:01Z"
_NOW = "2026-11-22T10:05:01Z"


def _told(source: str, value: Any, *, problem: str | None = None) -> dict[str, Any]:
    now = source == "trueup"
    return {
        "source": source,
        "as_of": _NOW if now else _READ,
        "age_seconds": 0.0 if now else 300.0,
        "problem": problem,
        "value": value,
    }


_SHOWN: dict[str, Any] = {
    "organization": "cus_QfTrueup",
    "tier": "premium",
    "contract_end": "2026-12-01T00:00:00Z",
    "features": ["seats", "sso"],
}

_CASE: dict[str, Any] = {
    "case": {
        "case_id": "4711",
        "subject": None,
        "status": "open",
        "priority": "urgent",
        "opened_at": "2026-11-21T16:20:00Z",
        "deadlines": [
            {
                "metric": "first_reply_time",
                "stage": "active",
                "breach_at": "2026-11-22T11:20:00Z",
            }
        ],
        "url": "https://acme.zendesk.com/agent/tickets/4711",
    },
    "escalated_at": "2026-11-22T09:30:00Z",
    "as_of": _READ,
}

_BOUGHT: dict[str, Any] = {
    "at": "2026-11-01T00:00:00Z",
    "document_id": "in_1QfTrueup",
    "number": "2026-0007",
    "kind": "invoice",
    "what": "10 x Pro",
    "quantity": "10",
    "net": euros(49000),
    "proration": False,
    "void": False,
}

_CUSTOMER: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "hierarchy": _told(
        "trueup",
        {
            "payer": "cus_QfTrueup",
            "pays_for": ["cus_QfOther"],
            "children": [],
            "external_ids": {"crm": "0015g00000QfTru"},
            "erp_party": "1007",
            "legal_entity": "DE",
            "support_organization": "cus_QfTrueup",
            "parent": "cus_QfHolding",
            "same_party": [],
            "same_organization": ["cus_QfBranch"],
        },
    ),
    "contracts": [
        _told(
            "billing",
            {
                "subscription_id": "sub_1QfTrueup",
                "status": "active",
                "started_at": "2026-01-01T00:00:00Z",
                "ends_at": None,
                "renews_at": "2026-12-01T00:00:00Z",
                "forecast": "ready",
                "forecast_amount": euros(49000),
                "forecast_problem": None,
                "change_id": "chg_01",
            },
        )
    ],
    "support": _told("trueup", _SHOWN),
    "desk": _told(
        "support",
        {
            "organization_id": "360001",
            "url": "https://acme.zendesk.com/agent/organizations/360001",
            "shown": _SHOWN,
            "differences": [],
            "sla": {
                "title": "Premium",
                "targets": [
                    {
                        "priority": "urgent",
                        "metric": "first_reply_time",
                        "minutes": 60,
                        "business_hours": False,
                    }
                ],
                "conditional": False,
            },
        },
        problem="zendesk has been away since 2026-11-22 10:01 UTC: this is what was last read",
    ),
    "cases": _told(
        "support",
        {"items": [_CASE], "complete": True},
        problem="zendesk has been away since 2026-11-22 10:01 UTC: this is what was last read",
    ),
    "assets": _told(
        "billing",
        {
            "items": [
                {
                    "asset_id": "si_1QfTrueup",
                    "item": "prod_QfPro",
                    "price": "price_1QfPro",
                    "held": True,
                    "quantity": "10",
                    "subscription_id": "sub_1QfTrueup",
                    "period_end": "2026-12-01T00:00:00Z",
                    "bought_at": "2026-01-01T00:00:00Z",
                    "changed_at": "2026-11-01T00:00:00Z",
                    "serials": ["SN-0042"],
                    "history": [_BOUGHT],
                }
            ],
            "complete": True,
        },
    ),
    "entitlements": _told(
        "trueup", {"items": [examples.ENTITLEMENT], "held_back": [examples.HELD_BACK]}
    ),
    "documents": _told(
        "billing",
        {
            "items": [
                {
                    "document_id": "in_1QfTrueup",
                    "subscription_id": "sub_1QfTrueup",
                    "kind": "invoice",
                    "status": "open",
                    "number": "2026-0007",
                    "gross": euros(58310),
                    "remaining": euros(58310),
                    "issued_at": "2026-11-01T00:00:00Z",
                    "due_at": "2026-11-15T00:00:00Z",
                    "age_days": 21,
                    "overdue_days": 7,
                    "dunning": "grace",
                    "url": "https://pay.example.com/in_1QfTrueup",
                    "as_of": _READ,
                    "erp": _told(
                        "erp",
                        {
                            "document_id": "812",
                            "number": "INV-2026-00012",
                            "legal_entity": "DE",
                            "status": "overdue",
                            "open": euros(58310),
                        },
                    ),
                }
            ],
            "complete": True,
        },
    ),
    "payments": _told(
        "billing",
        [
            {
                "payment_id": "inpay_1QfTrueup",
                "kind": "payment",
                "amount": euros(58310),
                "at": "2026-10-01T00:00:05Z",
                "document_id": "in_0QfTrueup",
                "entry": "CASH-0042",
                "as_of": _READ,
            }
        ],
    ),
    "balance": _told("billing", [euros(5000)]),
    "pending": _told("trueup", [examples.CHANGE]),
    "questions": _told("trueup", [examples.EXCEPTION]),
}

CONTEXT: dict[str, Any] = {
    "asked_at": _NOW,
    "fresh": False,
    "away": [
        {
            "source": "support",
            "connection": "zendesk",
            "since": "2026-11-22T10:01:00Z",
            "reason": "ConnectError",
        }
    ],
    "customers": [_CUSTOMER],
    "left_out": [],
}
