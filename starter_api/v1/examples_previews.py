"""Examples for OpenAPI of what would happen."""

from typing import Any

from starter_api.v1 import examples, examples_batches

MEND: dict[str, Any] = {"item": examples.ITEM}

_NET, _TAX, _GROSS = ({"minor": minor, "currency": "EUR"} for minor in (10000, 1900, 11900))

FORESEEN: dict[str, Any] = {
    "subject": "sub_1QfTrueup",
    "comes": "goes_through",
    "kind": "add_on",
    "summary": "adds 1 x AI-ADDON; invoice DE-0042 of 119.00 EUR",
    "why": None,
    "code": None,
    "about": None,
    "goes_on": ["books"],
    "documents": [
        {
            "document_id": "in_1QfTrueup",
            "number": "DE-0042",
            "kind": "invoice",
            "legal_entity": "LE-DE",
            "party": "C-1001",
            "posting_date": "2026-11-22",
            "void": False,
            "posted": None,
            "net": _NET,
            "tax": _TAX,
            "gross": _GROSS,
            "lines": [
                {
                    "line_id": "il_1QfTrueup",
                    "item": "AI-ADDON",
                    "description": "AI assistant",
                    "quantity": "1",
                    "net": _NET,
                    "discount": None,
                    "tax_codes": ["DE-19"],
                    "service_from": "2026-11-22",
                    "service_to": "2026-12-21",
                    "corrects": None,
                    "dimensions": {},
                }
            ],
            "taxes": [{"code": "DE-19", "rate": "0.19", "base": _NET, "amount": _TAX}],
            "digest": "a41f" * 16,
            "terms": "3be8" * 16,
        }
    ],
    "settlements": 0,
    "writes": [
        {"system": "erp", "effect": "post document", "count": 1},
        {"system": "trueup", "effect": "grant and withdraw", "count": 1},
        {"system": "support", "effect": "publish entitlement", "count": 1},
        {"system": "billing", "effect": "write back", "count": 1},
    ],
    "unbilled": [],
    "unbilled_on": None,
    "features_before": {"seats": 10},
    "features": {"seats": 10, "assistant": 1},
    "tier_before": "premium",
    "tier": "premium",
    "contract": {
        "contract_id": "sub_1QfTrueup",
        "customer_id": "cus_QfTrueup",
        "subscription_ids": ["sub_1QfTrueup"],
        "starts_at": "2026-11-22T10:00:00Z",
        "ends_at": None,
        "time_zone": "Europe/Berlin",
    },
    "approvals": [],
    "digest": "7c02" * 16,
    "terms": "91d5" * 16,
    "at": "2026-11-22T10:43:00Z",
}

UPGRADE: dict[str, Any] = {
    "subscription_id": "sub_1QfTrueup",
    "items": [{"item_id": "si_1QfTrueup", "price": "price_1QfPro", "quantity": 12}],
    "prorating": "at_once",
    "ending": None,
    "since": None,
}

CAUSE: dict[str, Any] = {
    "batch": {
        **examples_batches.BATCH,
        "batch_id": "pre_0d9c8b7a6f5e",
        "kind": "preview",
        "given": {"cause_id": "4c1d2e3f5a6b7c8d", "mend": MEND},
        "state": "ended",
        "counts": {"done": 13},
        "rate": None,
        "ended_at": "2026-11-22T10:43:09Z",
    },
    "cause_id": "4c1d2e3f5a6b7c8d",
    "sheet": None,
    "mend": {"account": None, "item": examples.ITEM, "document": None},
    "comes": {"goes_through": 11, "then_waits": 1, "needs_approval": 1},
    "totals": [
        {
            "legal_entity": "LE-DE",
            "documents": 11,
            "net": {"minor": 110000, "currency": "EUR"},
            "tax": {"minor": 20900, "currency": "EUR"},
            "gross": {"minor": 130900, "currency": "EUR"},
            "earliest": "2026-11-20",
        }
    ],
    "earliest": "2026-11-20",
    "made_at": "2026-11-22T10:43:00Z",
}

MAPPING: dict[str, Any] = {**CAUSE, "cause_id": None}

RELEASE_ASKED: dict[str, Any] = {
    "preview": "pre_0d9c8b7a6f5e",
    "reason": "AI-ADDON is an article of the ERP since today",
    "rate": 40,
}

RELEASE: dict[str, Any] = {
    "batch": {
        **examples_batches.BATCH,
        "batch_id": "rel_0d9c8b7a6f5e",
        "kind": "release",
        "given": {
            "cause_id": "4c1d2e3f5a6b7c8d",
            "sheet": None,
            "preview": "pre_0d9c8b7a6f5e",
            "mend": MEND,
            "reason": "AI-ADDON is an article of the ERP since today",
        },
        "counts": {"done": 6, "at_work": 1, "handed_over": 1, "not_begun": 1, "set_aside": 2},
        "rate": 40,
    },
    "cause_id": "4c1d2e3f5a6b7c8d",
    "sheet": None,
    "preview": "pre_0d9c8b7a6f5e",
    "mend": CAUSE["mend"],
    "joined": 2,
}

RELEASE_UNDO: dict[str, Any] = {
    "release": "rel_0d9c8b7a6f5e",
    "many": 1,
    "totals": [_GROSS],
    "documents": [
        {
            "document_id": "in_1QfTrueup",
            "number": "DE-0042",
            "subject": "sub_1QfTrueup",
            "gross": _GROSS,
            "erp_number": "INV-2026-0042",
            "erp_url": None,
            "why": None,
        },
        {
            "document_id": "in_1QfPaid",
            "number": "DE-0043",
            "subject": "sub_1QfOther",
            "gross": _GROSS,
            "erp_number": "INV-2026-0043",
            "erp_url": None,
            "why": "is settled, at least in part: give the money back in billing, with a credit "
            "note",
        },
    ],
    "mappings": [{"kind": "item", "source": "prod_ai", "holds": True, "before": None}],
}

UNDO_ASKED: dict[str, Any] = {
    "reason": "it is another article",
    "count": None,
    "first": "in_1QfTrueup",
    "rate": 60,
}

UNDO: dict[str, Any] = {
    **examples_batches.BATCH,
    "batch_id": "und_0d9c8b7a6f5e",
    "kind": "undo",
    "given": {"release": "rel_0d9c8b7a6f5e", "reason": "it is another article"},
    "counts": {"done": 1, "not_begun": 10},
    "rate": 60,
    "trial": True,
}

APPROVAL: dict[str, Any] = {
    "content": "5be1" * 16,
    "standing": [
        {
            "need": {
                "occasion": "release",
                "why": "is of 40, more than 25",
                "roles": ["finance"],
                "people": 1,
                "then": [],
            },
            "given": ["chris"],
            "missing": 0,
        }
    ],
    "said": [{"content": "5be1" * 16, "by": "chris", "roles": ["finance"]}],
    "before": [],
    "caused_by": ["fay"],
}

YES: dict[str, Any] = {"digest": "5be1" * 16, "note": "the tried one is right"}
