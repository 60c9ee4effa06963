"""Examples for OpenAPI of the books: documents of billing and the ERP, what settles them, what is
decided of them, differences. The same story goes on."""

from typing import Any

from starter_api.v1 import examples_processes


def euros(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


HOLD: dict[str, Any] = {"reason": "the order is disputed, ticket 4711", "until": "2026-12-15"}

_SIDE: dict[str, Any] = {
    "number": "A-0042",
    "on": "2026-11-22",
    "due_on": "2026-12-06",
    "net": euros(12000),
    "tax": euros(2280),
    "gross": euros(14280),
    "open": euros(10000),
}

INVOICE: dict[str, Any] = {
    "invoice_id": "in_1QfTrueup",
    "kind": "invoice",
    "status": "open",
    "state": "posted",
    "customer_id": "cus_QfTrueup",
    "subscription_id": "sub_1QfTrueup",
    "subject": "sub_1QfTrueup",
    "legal_entity": "DE",
    "generation": 1,
    "billing": _SIDE,
    "erp": {**_SIDE, "number": "INV-2026-0042"},
    "erp_id": "812",
    "erp_url": None,
    "difference": {"net": euros(0), "tax": euros(0), "gross": euros(0), "open": euros(0)},
    "hold": None,
    "kept_out": False,
    "correction": None,
    "linked_by": None,
    "change_id": "chg_01",
    "issued_at": "2026-11-22T10:00:00Z",
    "erp_status": "part_paid",
    "erp_status_at": "2026-11-23T08:15:00Z",
    "erp_status_shown": "part_paid",
}

_PERIOD: dict[str, Any] = {
    "period_start": "2026-11-22T10:00:00Z",
    "period_end": "2026-12-01T00:00:00Z",
}

LINE: dict[str, Any] = {
    "line_id": "il_1QfTrueup",
    "item": "prod_business",
    "price": "price_business",
    "description": "10 x Business, remaining time",
    "quantity": "10",
    "net": euros(12000),
    "discount": None,
    "taxes": [
        {
            "amount": euros(2280),
            "rate": "0.19",
            "inclusive": False,
            "kind": "vat",
            "country": "de",
            "reason": "standard_rated",
            "code": "txr_1QfTrueup",
        }
    ],
    **_PERIOD,
    "proration": True,
    "subscription_id": "sub_1QfTrueup",
    "item_id": "si_QfTrueup",
    "metadata": {},
    "corrects": None,
}

MOVEMENT: dict[str, Any] = {
    "settlement_id": "pi_1QfTrueup",
    "kind": "payment",
    "document_id": "in_1QfTrueup",
    "about": None,
    "against": None,
    "amount": euros(4280),
    "at": "2026-11-23T08:00:00Z",
    "note": None,
}

SETTLEMENT: dict[str, Any] = {
    "settlement": MOVEMENT,
    "legal_entity": "DE",
    "entry_id": "77",
    "entry_number": "2026/77",
    "url": None,
    "effect": "confirmed",
    "where": "settled",
}

_DOCUMENT: dict[str, Any] = {
    "document_id": "in_1QfTrueup",
    "kind": "invoice",
    "status": "open",
    "number": "A-0042",
    "customer_id": "cus_QfTrueup",
    "currency": "EUR",
    "issued_at": "2026-11-22T10:00:00Z",
    "due_at": "2026-12-06T10:00:00Z",
    "closed_at": None,
    "overdue_since": None,
    "corrects": None,
    "made_for": "sub_1QfTrueup",
    "bill_to": None,
    "lines": [LINE],
    "net": euros(12000),
    "tax": euros(2280),
    "gross": euros(14280),
    "remaining": euros(10000),
    "settlements": [MOVEMENT],
    "metadata": {},
    "purchase_order": None,
    "url": None,
}

_TAX: dict[str, Any] = {
    "code": "DE-19",
    "rate": "0.19",
    "base": euros(12000),
    "amount": euros(2280),
}

_POSTED: dict[str, Any] = {
    "document_id": "812",
    "external_id": "in_1QfTrueup",
    "legal_entity": "DE",
    "party": "1007",
    "currency": "EUR",
    "number": "INV-2026-0042",
    "billing_number": "A-0042",
    "kind": "invoice",
    "state": "posted",
    "document_date": "2026-11-22",
    "posting_date": "2026-11-22",
    "period": "2026-11",
    "due_on": "2026-12-06",
    "lines": [],
    "taxes": [_TAX],
    "rounding": None,
    "net": euros(12000),
    "tax": euros(2280),
    "open": euros(10000),
    "corrects": None,
    "credits": [],
    "ours": True,
    "url": None,
}

INVOICE_DETAIL: dict[str, Any] = {
    "summary": INVOICE,
    "sources": {
        "billing": {"as_of": "2026-11-22T09:30:02Z", "age_seconds": 312.5, "problem": None},
        "erp": {"as_of": "2026-11-22T09:30:03Z", "age_seconds": 311.5, "problem": None},
    },
    "links": {
        "billing": "https://invoice.stripe.com/i/acct_1/in_1QfTrueup",
        "pdf": "https://pay.stripe.com/invoice/acct_1/in_1QfTrueup/pdf",
        "erp": None,
    },
    "taxes": [
        {
            "rate": "0.19",
            "codes": ["DE-19"],
            "billing": euros(2280),
            "erp": euros(2280),
            "difference": euros(0),
        }
    ],
    "document": _DOCUMENT,
    "posted": _POSTED,
    "settlements": [SETTLEMENT],
    "exceptions": [],
    "dunning": examples_processes.CASE,
    "stays": "is settled, at least in part: give the money back in billing, with a credit note",
}

REFRESHED: dict[str, Any] = {
    "finished": True,
    "looked_at": 1,
    "changed": 1,
    "problems": [],
    "was": "posted",
    "invoice": INVOICE_DETAIL,
}

DECIDED: dict[str, Any] = {
    "invoice": {
        **INVOICE,
        "state": "seen",
        "erp": None,
        "erp_id": None,
        "difference": {
            "net": euros(12000),
            "tax": euros(2280),
            "gross": euros(14280),
            "open": euros(10000),
        },
        "hold": {"kind": "held", "by": "finance-desk", "at": "2026-11-22T11:00:00Z", **HOLD},
        "kept_out": True,
        "change_id": None,
        "erp_status": "unposted",
        "erp_status_at": None,
        "erp_status_shown": "",
    },
    "changed": True,
    "change_id": "chg_03",
}

DIFFERENCE: dict[str, Any] = {
    "about": "document",
    "key": "in_1QfTrueup",
    "number": "A-0042",
    "erp_number": None,
    "customer_id": "cus_QfTrueup",
    "subject": "sub_1QfTrueup",
    "legal_entity": "DE",
    "what": "gross",
    "billing": euros(14280),
    "erp": euros(0),
    "difference": euros(14280),
    "cause": "held",
    "sentence": "held back until 2026-12-15 by finance-desk on 2026-11-22: the order is disputed, "
    "ticket 4711",
    "owner": "finance",
    "by": "finance-desk",
    "exception_id": None,
    "change_id": None,
    "since": "2026-11-22T10:00:00Z",
}
