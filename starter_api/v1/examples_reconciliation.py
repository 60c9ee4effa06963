"""Examples of comparisons and of what they find."""

from typing import Any

RESULT: dict[str, Any] = {
    "run_id": "0199c1a2-6f0b-7c3d-8e4f-5a6b7c8d9e0f",
    "began_at": "2026-12-01T02:00:00Z",
    "facts": {"billing": 1204, "erp": 803, "support": 398},
    "requests": {"billing": 16, "erp": 5, "support": 1},
    "counts": [
        {"about": "document", "cause": "by_hand", "count": 1},
        {"about": "revenue", "cause": "by_hand", "count": 1},
    ],
    "months": [
        {
            "legal_entity": "DE",
            "month": "2026-11",
            "what": "revenue",
            "more": {"minor": 7000, "currency": "EUR"},
            "count": 1,
        }
    ],
    "closed": 2,
    "repairs": 0,
    "not_compared": ["tax of 2 documents, which billing does not say, as of A-0040, A-0031"],
}

RUN: dict[str, Any] = {"finished": True, "result": RESULT}

FOUND: dict[str, Any] = {
    "about": "document",
    "key": "in_1QfTrueup",
    "what": "open",
    "system": "erp",
    "customer_id": "cus_QfTrueup",
    "subject": "sub_1QfTrueup",
    "legal_entity": "DE",
    "number": "A-0042",
    "erp_number": "2026-0107",
    "expected": None,
    "found": None,
    "billing": {"minor": 0, "currency": "EUR"},
    "erp": {"minor": 14280, "currency": "EUR"},
    "cause": "by_hand",
    "owner": "finance",
    "repair": "sync",
    "exception_id": None,
    "change_id": None,
    "opened_at": "2026-11-30T02:00:10Z",
    "seen_at": "2026-12-01T02:00:11Z",
    "age_seconds": 86401.0,
}
