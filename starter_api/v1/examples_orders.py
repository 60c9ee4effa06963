"""An example of what a change became."""

from typing import Any

from starter_api.v1 import examples
from starter_api.v1.examples_books import INVOICE, SETTLEMENT, euros
from starter_api.v1.examples_previews import FORESEEN


def _told(source: str, value: Any) -> dict[str, Any]:
    return {
        "source": source,
        "as_of": "2026-11-22T10:00:01Z",
        "age_seconds": 300.0,
        "problem": None,
        "value": value,
    }


DOCUMENT: dict[str, Any] = {
    "document_id": INVOICE["invoice_id"],
    "kind": "invoice",
    "state": "posted",
    "billing": _told(
        "billing",
        {
            "number": "A-0042",
            "status": "open",
            "net": euros(12000),
            "tax": euros(2280),
            "gross": euros(14280),
            "remaining": euros(10000),
            "url": "https://invoice.stripe.com/i/acct_1/in_1QfTrueup",
            "pdf": "https://pay.stripe.com/invoice/acct_1/in_1QfTrueup/pdf",
        },
    ),
    "erp": _told(
        "erp",
        {
            "document_id": "812",
            "number": "INV-2026-0042",
            "legal_entity": "DE",
            "state": "posted",
            "status": "part_paid",
            "net": euros(12000),
            "tax": euros(2280),
            "gross": euros(14280),
            "open": euros(10000),
            "url": None,
        },
    ),
    "agrees": True,
    "lines": [
        {
            "line_id": "il_1QfTrueup",
            "description": "12 seats",
            "item": "prod_seats",
            "price": "price_seats",
            "item_id": "si_1QfTrueup",
            "quantity": "12",
            "billing": euros(12000),
            "erp": euros(12000),
            "erp_item": "SEATS",
            "account": "4.1.1",
        }
    ],
    "payments": _told("billing", [SETTLEMENT]),
}
ORDER: dict[str, Any] = {
    "change": examples.CHANGE,
    "plan": _told(
        "trueup",
        {
            "terms": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "summary": "billed A-0042 over EUR 142.80",
            "documents": FORESEEN["documents"],
        },
    ),
    "effects": _told("trueup", examples.CHANGE_DETAIL["effects"]),
    "documents": [DOCUMENT],
}
ORDERS: dict[str, Any] = {"items": [ORDER], "next": None, "waiting": [DOCUMENT]}
