"""Entitlements as a target is told them, and what it answers. Pure."""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

import orjson

from canonical_models.entitlement import (
    CustomerEntitlements,
    EntitledFeature,
    TargetHeld,
    TargetReceipt,
)
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.signed_http import SYSTEM
from connectors.signed_http.wire import Held, Receipt


def path_of(customer_id: str) -> str:
    """Where a target keeps the customer, below its base address.

    Raises Rejection for an id that no path can hold: dots alone mean another folder, escaped or
    not (RFC 3986, 5.2.4 and 6.2.2).
    """
    if customer_id in (".", ".."):
        raise Rejection(
            RejectionCode.TARGET_REFUSED,
            f"the customer id {customer_id!r} cannot be part of an address, so no target can be "
            "told of it: give the customer another id in billing, then retry",
            system=SYSTEM,
            subject=customer_id,
        )
    return f"/entitlements/{quote(customer_id, safe='')}"


def body_of(entitled: CustomerEntitlements) -> bytes:
    """The same bytes for the same entitlements, whatever the order of the features.

    Times are in RFC 3339 and UTC; a feature without an end has `until` null.
    """
    features = sorted(entitled.features, key=lambda one: one.feature)
    return orjson.dumps(
        {
            "customer_id": entitled.customer_id,
            "revision": entitled.revision,
            "as_of": _instant_text(entitled.as_of),
            "features": [
                {
                    "feature": one.feature,
                    "quantity": one.quantity,
                    "until": None if one.until is None else _instant_text(one.until),
                }
                for one in features
            ],
        }
    )


def message_id(body: bytes) -> str:
    """A repetition has the same id, so that a target may tell it from news."""
    return f"msg_{hashlib.sha256(body).hexdigest()[:32]}"


def receipt_of(answered: Receipt, customer_id: str, *, at_least: int = 0) -> TargetReceipt:
    """Raises ContractDrift for a receipt of another customer, and for a revision below
    `at_least`: a target that took a revision holds it, or a newer one."""
    if answered.customer_id != customer_id:
        raise ContractDrift(
            f"the target answered with another customer's receipt when asked about {customer_id}: "
            "see that it answers with the customer_id of the path, then retry",
            system=SYSTEM,
            payload_path="$.customer_id",
        )
    if answered.revision < at_least:
        raise ContractDrift(
            f"the target holds revision {answered.revision} of {customer_id} after it was told "
            f"{at_least}: see that it keeps the highest revision it is told, then retry",
            system=SYSTEM,
            payload_path="$.revision",
        )
    return TargetReceipt(customer_id=customer_id, revision=answered.revision)


def held_of(answered: Held, customer_id: str) -> TargetHeld:
    """Raises ContractDrift for what is another customer's, and for a feature told twice."""
    receipt = receipt_of(answered, customer_id)
    names = [one.feature for one in answered.features]
    if len(set(names)) < len(names):
        raise ContractDrift(
            f"the target tells a feature of {customer_id} more than once: see that it answers with "
            "each feature once, as it was told, then retry",
            system=SYSTEM,
            payload_path="$.features",
        )
    return TargetHeld(
        customer_id=customer_id,
        revision=receipt.revision,
        features=tuple(
            EntitledFeature(feature=one.feature, quantity=one.quantity, until=one.until)
            for one in sorted(answered.features, key=lambda one: one.feature)
        ),
    )


def _instant_text(instant: datetime) -> str:
    # In the first and last hours of the calendar there may be no UTC; the offset stays then.
    with suppress(OverflowError):
        instant = instant.astimezone(UTC)
    return instant.isoformat().replace("+00:00", "Z")
