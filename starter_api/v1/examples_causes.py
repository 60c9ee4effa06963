"""Examples of causes and of what is said and done about a case. A test validates each."""

from typing import Any

from canonical_models.mends import ACCOUNT, ITEM, form_of

CAUSE: dict[str, Any] = {
    "cause_id": "b3bf4f1b2b0b822c",
    "code": "item_unmapped",
    "system": "trueup",
    "subject": "prod_ai",
    "owner": "finance",
    "state": "open",
    "open_cases": 13,
    "unknown_cases": 0,
    "at_risk": [
        {"minor": 130000, "currency": "EUR"},
        {"minor": 24000, "currency": "USD"},
    ],
    "opened_at": "2026-11-22T09:12:00Z",
    "newest_at": "2026-11-22T11:02:00Z",
    "due_at": "2026-11-22T17:12:00Z",
    "closed_at": None,
    "looked_at": "2026-11-22T10:50:00Z",
    "assignee": "fay",
    "tags": ["month-end"],
}

FORM: dict[str, Any] = form_of(
    "item_unmapped", known={ITEM.name: "prod_ai", ACCOUNT.name: "cus_QfTrueup"}
).model_dump(mode="json")

HISTORY: list[dict[str, Any]] = [
    {
        "at": "2026-11-22T10:00:01.300Z",
        "by": "trueup",
        "what": "opened",
        "note": "billing item prod_ai has no ERP item: map it",
    },
    {
        "at": "2026-11-22T10:40:00Z",
        "by": "finance-desk",
        "what": "assigned",
        "note": "to fay",
    },
]

ASSIGN: dict[str, Any] = {"to": "fay", "note": "knows the AI products"}
TAGS: dict[str, Any] = {"tags": ["month-end"]}
COMMENT: dict[str, Any] = {"text": "asked sales which article it is"}
NOTED: dict[str, Any] = {"history": HISTORY}

ABORT: dict[str, Any] = {
    "exception_id": "exc_5f1d2c3b4a596877",
    "change_id": "chg_01",
    "by_hand": False,
    "undone": [
        {
            "system": "support",
            "step": "support.entitlement",
            "document": "org 360001",
            "url": None,
            "amount": None,
            "fate": "set_back",
            "certain": True,
        },
        {
            "system": "erp",
            "step": "erp.document/in_1QfTrueup",
            "document": "INV-2026-0042",
            "url": None,
            "amount": {"minor": 12000, "currency": "EUR"},
            "fate": "reversed",
            "certain": True,
        },
    ],
    "held": ["in_1QfTrueup"],
    "reversed": [{"minor": 12000, "currency": "EUR"}],
}

REOPEN: dict[str, Any] = {"reason": "the customer wants it after all"}
