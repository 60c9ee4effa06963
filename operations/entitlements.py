"""May customer X use feature Y, how much, until when, and why."""

from datetime import UTC, datetime

from canonical_models.base import Canonical, Instant
from canonical_models.entitlement import Entitlement, Grant
from operations.systems import Systems
from persistence import grants
from planning.entitlements import entitlements


class EntitlementList(Canonical):
    customer_id: str
    as_of: Instant
    items: tuple[Entitlement, ...]


class Check(Canonical):
    """The answer to one question. `because` holds the live grants that give the feature."""

    customer_id: str
    feature: str
    allowed: bool
    quantity: int
    #: None for an open end, and where nothing is allowed.
    until: Instant | None
    because: tuple[Grant, ...]
    as_of: Instant


async def list_(systems: Systems, tenant: str, customer_id: str) -> EntitlementList:
    """Empty for a customer who holds nothing, known or not."""
    async with systems.database.transaction() as session:
        held = await grants.of_customer(session, tenant, customer_id)
    now = datetime.now(UTC)
    return EntitlementList(customer_id=customer_id, as_of=now, items=entitlements(held, now))


async def check(systems: Systems, tenant: str, customer_id: str, feature: str) -> Check:
    async with systems.database.transaction() as session:
        held = await grants.of_customer(session, tenant, customer_id, feature)
    now = datetime.now(UTC)
    found = entitlements(held, now)
    given = found[0] if found else None
    return Check(
        customer_id=customer_id,
        feature=feature,
        allowed=given is not None,
        quantity=given.quantity if given else 0,
        until=given.until if given else None,
        because=given.because if given else (),
        as_of=now,
    )
