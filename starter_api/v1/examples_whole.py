"""Examples for OpenAPI of what shows a whole subscription, and a whole account."""

from typing import Any

from starter_api.v1 import examples, examples_accounts, examples_processes
from starter_api.v1.examples_books import INVOICE, LINE, MOVEMENT, SETTLEMENT, euros

_UNBILLED: dict[str, Any] = {
    "pending": {"lines": [{**LINE, "taxes": None}], "expected_on": "2026-12-01"},
    "net": euros(12000),
    "read_by": "chg_01",
    "shown": {
        "subscription_id": "sub_1QfTrueup",
        "external_id": "sub_1QfTrueup/unbilled",
        "legal_entity": "DE",
        "party": "1007",
        "document_id": "813",
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "net": euros(12000),
        "lines": [],
        "problem": None,
        "shown_at": "2026-11-22T10:00:01.700Z",
    },
    "difference": euros(0),
    "problem": None,
}

SUBSCRIPTION_DETAIL: dict[str, Any] = {
    "subscription_id": "sub_1QfTrueup",
    "agreed": examples.AGREED,
    "contract": examples_processes.CONTRACT,
    "entitlements": [examples.ENTITLEMENT],
    "held_back": [examples.HELD_BACK],
    "access_hold": None,
    "invoices": [INVOICE],
    "settlements": [SETTLEMENT],
    "unbilled": _UNBILLED,
    "dunning": [examples_processes.CASE],
    "targets": [
        {
            "target": "product",
            "customer_id": "cus_QfTrueup",
            "revision": 7,
            "confirmed": 7,
            "state": "current",
            "error": None,
            "updated_at": "2026-11-22T10:00:02Z",
        }
    ],
    "open_changes": [],
    "recent_changes": [examples.CHANGE],
}

_SUBJECT = "account:cus_QfTrueup"

ACCOUNT_DETAIL: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "subject": _SUBJECT,
    "account": examples.ACCOUNT,
    "place": examples_accounts.PLACE,
    "children": [],
    "pays_for": [],
    "placed": [examples_accounts.DECIDED],
    "master_data": {"state": "agreed", "told_at": "2026-11-22T10:00:01Z", "exception_id": None},
    "balances": [{"billing": euros(5000), "missing": euros(0)}],
    "open_items": [
        {
            **SETTLEMENT,
            "settlement": {
                **MOVEMENT,
                "settlement_id": "cbtxn_1QfTrueup",
                "kind": "goodwill",
                "document_id": None,
                "amount": euros(5000),
            },
            "where": "on_account",
        }
    ],
    "documents": [
        {**INVOICE, "invoice_id": "in_2QfTrueup", "subscription_id": None, "subject": _SUBJECT}
    ],
    "subscriptions": ["sub_1QfTrueup"],
    "exceptions": [],
    "open_changes": [],
    "recent_changes": [
        {
            **examples.CHANGE,
            "change_id": "chg_04",
            "subject": _SUBJECT,
            "subscription_id": None,
            "documents": ["in_2QfTrueup"],
            "kind": "billed",
        }
    ],
}
