"""Examples of accounts: where they stand, and what became of one that a program sent."""

from typing import Any

from starter_api.v1 import examples

PLACE: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "parent": "cus_QfHolding",
    "payer": "cus_QfHolding",
    "external_ids": {"crm": "0015g00000QfTru"},
}
PLACE_ASKED: dict[str, Any] = {name: PLACE[name] for name in ("parent", "payer", "external_ids")}
PLACED: dict[str, Any] = {
    "place": PLACE,
    "before": {**PLACE, "parent": None, "payer": None},
    "changed": True,
}
ACCOUNT_ROW: dict[str, Any] = {
    **PLACE,
    "set_at": "2026-11-22T10:00:01Z",
    "account": examples.ACCOUNT,
}
DECIDED: dict[str, Any] = {
    "decision_id": "dec_0d9c8b7a6f5e4d3c2b1a",
    "at": "2026-11-22T10:00:01Z",
    "door": "api",
    "by": "crm",
    "action": "place",
    "target_kind": "account",
    "target_id": "account/cus_QfTrueup",
    "change_id": None,
    "scope": "case",
    "shown_version": None,
    "shown_digest": None,
    "before": PLACED["before"],
    "after": PLACE,
    "reason": "",
    "once": None,
    "delivered_at": "2026-11-22T10:00:01Z",
    "outcome": "done",
}
ASKED: dict[str, Any] = {
    "customer_id": "cus_QfTrueup",
    "name": "Kurz & Lang GmbH",
    "email": "billing@example.com",
    "address": {
        "lines": ["Am Wall 1"],
        "postal_code": "28195",
        "city": "Bremen",
        "country": "DE",
    },
    "tax_ids": [{"kind": "eu_vat", "value": "DE136695976"}],
    **PLACE_ASKED,
}
SYNCED: dict[str, Any] = {
    "outcome": "matched",
    "done": True,
    "customer_id": "cus_QfTrueup",
    "party": "1007",
    "rule": "tax_id",
    "candidates": [],
    "differs": [],
    "place": PLACE,
    "change_id": "chg_01",
    "exception_id": None,
    "words": "Is party 1007 of the ERP, by tax id.",
    "problem": None,
}
PROPOSED: dict[str, Any] = {
    **SYNCED,
    "outcome": "proposed",
    "party": None,
    "rule": None,
    "candidates": [{"party": "1007", "score": 40, "why": "name"}],
    "differs": ["address"],
    "exception_id": "exc_5f1d2c3b4a596877",
    "words": "billing customer cus_QfTrueup may be one of the ERP's parties 1007 (by name): "
    "correct the exception with the account's mapping",
}
