"""What a thin event is sent as. Pure."""

from datetime import UTC, datetime

from sandbox.simulators.stripe.errors import Json

_THIN, _SNAPSHOT = "evt_test_", "evt_"
_FOLDERS = {
    "charge": "charges",
    "credit_note": "credit_notes",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "invoiceitem": "invoiceitems",
    "payout": "payouts",
    "refund": "refunds",
    "subscription": "subscriptions",
}


def kind_of(event: Json) -> str:
    """The type of the thin event."""
    return f"v1.{event['type']}"


def of_snapshot(thin: str) -> str:
    """The id of the snapshot event beside a thin one."""
    return _SNAPSHOT + thin.removeprefix(_THIN)


def shown(event: Json) -> Json:
    """The body beside a snapshot event."""
    found, request = event["data"]["object"], event["request"]
    kind, key = found["object"], found["id"]
    url = f"/v1/{_FOLDERS.get(kind, kind + 's')}/{key}"
    if kind == "tax_id":
        url = f"/v1/customers/{found['customer']}/tax_ids/{key}"
    at = datetime.fromtimestamp(event["created"], UTC)
    by_request = {"type": "request", "request": request} if request["id"] else None
    return {
        "id": _THIN + event["id"].removeprefix(_SNAPSHOT),
        "object": "v2.core.event",
        "context": event.get("account"),
        "created": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": False,
        "reason": by_request,
        "related_object": {"id": key, "type": kind, "url": url},
        "type": kind_of(event),
    }
