"""Examples for OpenAPI of what would happen."""

from typing import Any

from starter_api.v1 import examples, examples_batches

MEND: dict[str, Any] = {"item": examples.ITEM}

_NET, _TAX, _GROSS = ({"minor": minor, "currency": "EUR"} for minor in (10000, 1900, 11900))

FORESEEN: dict[str, Any] = {
    "subject": "sub_1QfTrueup",
    "comes": "goes_through",
    "summary": "adds 1 x AI-ADDON; invoice DE-0042 of 119.00 EUR",
    "why": None,
    "code": None,
    "about": None,
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
        }
    ],
    "settlements": 0,
    "features_before": {"seats": 10},
    "features": {"seats": 10, "assistant": 1},
    "tier_before": "premium",
    "tier": "premium",
    "digest": "7c02" * 16,
    "at": "2026-11-22T10:43:00Z",
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
            "preview": "pre_0d9c8b7a6f5e",
            "mend": MEND,
            "reason": "AI-ADDON is an article of the ERP since today",
        },
        "counts": {"done": 6, "at_work": 1, "handed_over": 1, "not_begun": 1, "set_aside": 2},
        "rate": 40,
    },
    "cause_id": "4c1d2e3f5a6b7c8d",
    "preview": "pre_0d9c8b7a6f5e",
    "mend": CAUSE["mend"],
    "joined": 2,
}
