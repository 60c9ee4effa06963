"""Events as Stripe sends them, signed by us; written from Stripe's documentation alone."""

import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "whsec_test"
TENANT, CONNECTION = "acme", "billing"
PATH = f"/webhooks/{TENANT}/{CONNECTION}"


def signature(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
    """The value of `Stripe-Signature`. `at` is seconds since the epoch, by default now."""
    moment = int(time.time() if at is None else at)
    signed = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


def signed(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    return {"stripe-signature": signature(body, secret=secret, at=at)}


def subscription_event(
    event_id: str,
    subscription: str = "sub_1",
    *,
    type_: str = "customer.subscription.created",
    previous: dict[str, Any] | None = None,
    **more: Any,
) -> bytes:
    """The body of an event about a subscription; `more` goes beside `data`."""
    data: dict[str, Any] = {
        "object": {
            "id": subscription,
            "object": "subscription",
            "customer": f"cus_{subscription}",
            "status": "active",
            "cancel_at_period_end": False,
            "items": {"object": "list", "data": []},
            "metadata": {},
        }
    }
    if previous is not None:
        data["previous_attributes"] = previous
    event = {
        "id": event_id,
        "object": "event",
        "type": type_,
        "created": int(time.time()),
        "livemode": False,
        "data": data,
        **more,
    }
    return json.dumps(event).encode()


def customer_event(event_id: str, customer: str = "cus_1") -> bytes:
    """The body of an event about a customer whose name has changed."""
    event = {
        "id": event_id,
        "object": "event",
        "type": "customer.updated",
        "created": int(time.time()),
        "livemode": False,
        "data": {
            "object": {"id": customer, "object": "customer", "name": "Kurz & Lang GmbH"},
            "previous_attributes": {"name": "Kurz GmbH"},
        },
    }
    return json.dumps(event).encode()


def thin_event(event_id: str, subscription: str) -> bytes:
    """The body of a thin event about a subscription that was changed."""
    url = f"/v1/subscriptions/{subscription}"
    event = {
        "id": event_id,
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-11-22T10:00:00.000Z",
        "livemode": False,
        "context": None,
        "related_object": {"id": subscription, "type": "subscription", "url": url},
    }
    return json.dumps(event).encode()
