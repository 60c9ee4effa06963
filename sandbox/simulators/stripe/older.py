"""Events as endpoints of older API versions get them, written from Stripe's changelog.

https://docs.stripe.com/changelog/basil/2025-03-31: until then invoices and invoice items named
their subscription themselves, and a subscription had one period.
"""

import copy

from sandbox.simulators.stripe.errors import Json

_BASIL = "2025-03-31"


def rendered(event: Json, version: str) -> Json:
    """The event in the words of the version."""
    shown = copy.deepcopy(event) | {"api_version": version}
    if version >= _BASIL:
        return shown
    _before_basil(shown["data"]["object"], whole=True)
    if (previous := shown["data"].get("previous_attributes")) is not None:
        kind = shown["data"]["object"]["object"]
        _before_basil(previous, whole=False, kind=kind)
    return shown


def _before_basil(found: Json, *, whole: bool, kind: str | None = None) -> None:
    match kind or found.get("object"):
        case "invoice" | "invoiceitem":
            if whole or "parent" in found:
                parent = found.pop("parent", None) or {}
                details = parent.get("subscription_details") or {}
                found["subscription"] = details.get("subscription")
        case "subscription":
            rows = (found.get("items") or {}).get("data") or []
            for row in rows:
                for name in ("current_period_start", "current_period_end"):
                    if name in row:
                        found[name] = row.pop(name)
        case _:
            return
