"""What one request works with: the store, its clock, and the events it gives rise to."""

import secrets
import string
import time
from dataclasses import dataclass

from sandbox.simulators.stripe.deliveries import enqueue
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.store import Store
from sandbox.simulators.stripe.views import view

API_VERSION = "2026-10-28.endive"
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """`sub_…` with random letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


@dataclass
class Context:
    """One request, or one step of a clock (then without a request id)."""

    store: Store
    request_id: str | None = None
    idempotency_key: str | None = None

    def now(self, customer: str | None = None) -> int:
        """Unix seconds: of the customer's test clock, else of the wall."""
        owner = self.store.get(customer) if customer else None
        if owner and owner.get("test_clock"):
            clock = self.store.get(owner["test_clock"])
            if clock:
                return int(clock["frozen_time"])
        return int(time.time())

    def view(self, obj: Json) -> Json:
        """The object as the API shows it."""
        return view(self.store, obj)

    def create(self, obj: Json, event: str | None) -> Json:
        """Store a new object and write its event; returns its view."""
        self.store.put(obj)
        shown = self.view(obj)
        if event:
            self.emit(event, shown, owner=owner_of(obj))
        return shown

    def save(self, obj: Json, before: Json, *events: str) -> Json:
        """Store a changed object; events ending in `.updated` carry `previous_attributes`.

        An update that changed nothing gives no `.updated` event, as at Stripe.
        """
        self.store.put(obj)
        shown = self.view(obj)
        previous = changed(before, shown)
        for event in events:
            if not event.endswith(".updated"):
                self.emit(event, shown, owner=owner_of(obj))
            elif previous:
                self.emit(event, shown, previous, owner_of(obj))
        return shown

    def emit(
        self,
        kind: str,
        shown: Json,
        previous: Json | None = None,
        owner: str | None = None,
    ) -> None:
        """Write an event with the snapshot, and queue its deliveries in the same transaction.

        `owner` is the customer whose clock dates it, needed where the snapshot names none.
        """
        data: Json = {"object": shown}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(owner or owner_of(shown)),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        if self.store.account is not None:
            event["account"] = self.store.account
        event["pending_webhooks"] = enqueue(self.store, event)
        self.store.put(event)


def owner_of(obj: Json) -> str | None:
    """The customer an object belongs to, or is."""
    if obj["object"] == "customer":
        return str(obj["id"])
    found: str | None = obj.get("customer") or obj.get("_customer")
    return found


def changed(before: Json, after: Json) -> Json:
    """`previous_attributes`: old values of changed members; inside hashes only changed keys.

    Lists are given whole; a key that is new in `after` was null before.
    """
    previous: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            previous[key] = changed(old, new)
        else:
            previous[key] = old
    return previous
