"""Examples for OpenAPI of months that are closed."""

from typing import Any


def _eur(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


def _figures(count: int, net: int, tax: int) -> dict[str, Any]:
    return {"count": count, "net": _eur(net), "tax": _eur(tax)}


DIFFERENCE: dict[str, Any] = {
    "difference_id": "dif_0d9c8b7a6f5e4d3c2b1a",
    "about": "document",
    "key": "LE-DE/412",
    "what": "erp:unknown",
    "number": None,
    "erp_number": "DE-2027-00031",
    "customer_id": "cus_QfTrueup",
    "subject": "account:cus_QfTrueup",
    "expected": None,
    "found": "DE-2027-00031",
    "billing": _eur(0),
    "erp": _eur(5950),
    "cause": "by_hand",
    "sentence": "erp, unknown (should be 0.00 EUR, is 59.50 EUR): it was done by hand: this is not "
    "what was confirmed to us",
    "owner": "finance",
    "next": "in_erp",
    "exception_id": None,
    "change_id": None,
    "content": "b" * 64,
    "decided": None,
}

_ACCEPTED: dict[str, Any] = {
    **DIFFERENCE,
    "decided": {
        "kind": "accepted",
        "by": "jane",
        "reason": "agreed with the auditor",
        "at": "2027-02-03T09:10:00Z",
        "decision_id": "dec_0d9c8b7a6f5e4d3c2b1a",
    },
}

ACCEPTED: dict[str, Any] = {"difference": _ACCEPTED, "changed": True}

OPEN: dict[str, Any] = {
    "legal_entity": "LE-DE",
    "period": "2027-01",
    "state": "open",
    "by": "jane",
    "at": "2027-02-03T09:00:00Z",
    "version": 0,
    "close_id": None,
    "digest": None,
    "reopened": None,
    "tried_at": "2027-02-03T09:00:05Z",
    "standing": [DIFFERENCE],
}

REPORT: dict[str, Any] = {
    "format": "trueup.close/1",
    "tenant": "acme",
    "legal_entity": "LE-DE",
    "period": "2027-01",
    "zone": "Europe/Berlin",
    "first": "2027-01-01",
    "last": "2027-01-31",
    "version": 1,
    "before": None,
    "reopened": None,
    "closed_by": "jane",
    "closed_at": "2027-02-03T09:15:00Z",
    "note": "reviewed by Jane",
    "closed_period": "first_open_day",
    "read": {
        "run_id": "0191d5c8-7f3a-7c1e-9d55-0a1b2c3d4e5f",
        "began_at": "2027-02-03T09:14:50Z",
        "books_at": "2027-02-03T09:14:58Z",
        "facts": {"billing": 3, "erp": 4},
        "not_compared": ["subscriptions, support and targets: they have no legal entity"],
    },
    "books_currency": "EUR",
    "currencies": [
        {
            "currency": "EUR",
            "issued": _figures(3, 30000, 5700),
            "billing": _figures(3, 30000, 5700),
            "erp": _figures(3, 30000, 5700),
            "others": _figures(1, 5000, 950),
        }
    ],
    "accounts": [
        {
            "account": "4000",
            "currency": "EUR",
            "billing": _eur(30000),
            "erp": _eur(30000),
            "others": _eur(5000),
        }
    ],
    "ledger": [{"account": "4000", "debit": _eur(0), "credit": _eur(35000)}],
    "taxes": [
        {
            "code": "DE-VAT-19",
            "currency": "EUR",
            "billing_base": _eur(30000),
            "billing": _eur(5700),
            "erp_base": _eur(30000),
            "erp": _eur(5700),
        }
    ],
    "late": [
        {
            "document_id": "in_1QfTrueup",
            "number": "TR-2026-0099",
            "erp_number": "DE-2027-00002",
            "issued_on": "2026-12-30",
            "booked_on": "2027-01-01",
            "gross": _eur(11900),
            "why": "its month was closed, and policy books it on the first open day",
        }
    ],
    "moved": [],
    "reversals": [],
    "unbooked": [],
    "differences": [_ACCEPTED],
}

CLOSED: dict[str, Any] = {
    "outcome": "closed",
    "period": {
        **OPEN,
        "state": "closed",
        "at": "2027-02-03T09:15:00Z",
        "version": 1,
        "close_id": "cls_0d9c8b7a6f5e4d3c2b1a",
        "digest": "a" * 64,
        "tried_at": None,
        "standing": [],
    },
    "report": REPORT,
    "standing": [],
    "in_flight": [],
}
