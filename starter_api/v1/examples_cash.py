"""Examples for OpenAPI of money between billing and the bank."""

from typing import Any

_UI = "http://127.0.0.1:8233/namespaces/default/workflows"


def _eur(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


PAYOUT: dict[str, Any] = {
    "payout": {
        "connection": "billing",
        "payout_id": "po_1QfTrueup",
        "amount": _eur(11667),
        "status": "paid",
        "automatic": True,
        "created_at": "2026-11-28T00:00:00Z",
        "arrives_on": "2026-11-30",
        "state": "booked",
        "booked": {
            "entry_id": "412",
            "number": "DE-M2026-00031",
            "posted_on": "2026-11-30",
            "fee": _eur(203),
            "fee_tax": _eur(0),
            "covered": 1,
            "conversion": None,
        },
        "note": None,
        "updated_at": "2026-11-30T06:00:00Z",
    },
    "exception_id": None,
    "workflow_url": f"{_UI}/payout%2Facme%2Fbilling%2Fpo_1QfTrueup",
}

STANDS: dict[str, Any] = {
    "carried": True,
    "setting": "policy.books.cash",
    "looks": [
        {
            "connection": "billing",
            "legal_entity": "LE-DE",
            "looked_at": "2026-12-01T09:00:00Z",
            "seen_at": "2026-12-01T09:00:00Z",
            "standings": [
                {
                    "currency": "EUR",
                    "billing": _eur(11697),
                    "fees": _eur(203),
                    "on_the_way": _eur(0),
                    "converted": _eur(0),
                    "other": _eur(0),
                    "should": _eur(11900),
                    "clearing": _eur(11900),
                    "difference": _eur(0),
                }
            ],
            "problem": None,
        }
    ],
}

LOOKED: dict[str, Any] = {"finished": True, "stands": STANDS}
