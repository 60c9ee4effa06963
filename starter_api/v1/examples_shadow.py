"""Examples of a tenant in shadow."""

from typing import Any

from starter_api.v1 import examples_previews

ITEM: dict[str, Any] = {
    "about": "document",
    "key": "in_1QfTrueup",
    "change_id": "chg_0123456789abcdef0123",
    "subject": "sub_1QfTrueup",
    "customer_id": "cus_QfTrueup",
    "number": "A-0042",
    "legal_entity": "DE",
    "state": "differs",
    "differences": [
        {"kind": "tax", "what": "tax", "planned": "22.80 EUR", "found": "8.40 EUR"},
    ],
    "found": ["2026-0107"],
    "planned_at": "2026-11-30T09:12:04Z",
    "since": "2026-12-01T07:15:00Z",
    "compared_at": "2026-12-01T08:00:01Z",
}

STATUS: dict[str, Any] = {
    "in_shadow": True,
    "changes": 412,
    "first_planned_at": "2026-11-02T08:00:12Z",
    "agree": 371,
    "differ": 1,
    "waiting": 9,
    "late": 0,
    "differ_by": {"tax": 1},
    "asked": [
        {
            "code": "item_unmapped",
            "subjects": 2,
            "change_id": "chg_0123456789abcdef0123",
            "about": "price_1QfTrueup",
        }
    ],
    "oldest_waiting": {**ITEM, "state": "waiting", "differences": [], "found": []},
    "weeks": [
        {"begins": "2026-11-30", "agree": 88, "differ": 1, "waiting": 9, "rate": 0.9888},
    ],
    "compared_at": "2026-12-01T08:00:01Z",
    "ready": False,
    "ready_since": None,
    "against": ["1 differ", "2 subscriptions or accounts would wait for a person"],
    "not_compared": ["payouts"],
}

LOOKED: dict[str, Any] = {"finished": True, "looked_at": 381, "problems": [], "status": STATUS}

DETAIL: dict[str, Any] = {
    "change": {
        "change_id": "chg_0123456789abcdef0123",
        "subject": "sub_1QfTrueup",
        "customer_id": "cus_QfTrueup",
        "planned_at": "2026-11-30T09:12:04Z",
        "comes": "goes_through",
        "code": None,
        "foreseen": examples_previews.FORESEEN,
    },
    "items": [ITEM],
}

TRY: dict[str, Any] = {
    "policy": {"books": {"closed_period": "first_open_day"}},
    "since": "2026-11-01",
    "keep_on": True,
}

TRIAL: dict[str, Any] = {
    "batch": {
        "batch_id": "tri_0d9c8b7a6f5e",
        "kind": "trial",
        "given": {"since": "2026-11-01T00:00:00+00:00", "keep_on": True},
        "state": "running",
        "counts": {"done": 240, "failed": 1},
        "rate": None,
        "trial": False,
        "listed": False,
        "why": None,
        "begun_by": "jane",
        "begun_at": "2026-12-01T08:00:00Z",
        "ended_at": None,
    },
    "alike": 237,
    "differ": 3,
    "untold": 1,
    "differing": {
        "items": [
            {
                "change_id": "chg_0123456789abcdef0123",
                "subject": "sub_1QfTrueup",
                "differences": [
                    {
                        "kind": "date",
                        "what": "A-0042 posting date",
                        "planned": "2026-11-30",
                        "found": "2026-12-01",
                    }
                ],
            }
        ],
        "next": None,
    },
}
