"""Examples for OpenAPI of the numbers."""

from typing import Any

NUMBERS: dict[str, Any] = {
    "as_of": "2026-12-01T10:00:00Z",
    "items": [
        {
            "number": "posting",
            "title": "Subscription to ERP posting time",
            "means": "from the webhook to the confirmed document in the ERP",
            "unit": "documents",
            "target": 300.0,
            "objective": 0.95,
            "measures": [
                {
                    "window": "30d",
                    "cases": 1200,
                    "missed": 24,
                    "open": 2,
                    "median": 3.1,
                    "p95": 41.0,
                    "within": 0.98,
                    "burn": 0.4,
                },
                {
                    "window": "1h",
                    "cases": 0,
                    "missed": 0,
                    "open": 0,
                    "median": None,
                    "p95": None,
                    "within": None,
                    "burn": None,
                },
            ],
        }
    ],
}
