"""A system of the tenant's own behind `EntitlementTarget`, as the suite needs it described."""

import secrets
from abc import abstractmethod
from datetime import UTC, datetime

import httpx

from canonical_models.entitlement import CustomerEntitlements, EntitledFeature
from connectors.config import ConnectionConfig
from connectors.ports import EntitlementTarget
from tests.connectors.conformance.describing import Act, Look, Port, System

#: Revision, and (feature, quantity, until) of each.
Kept = tuple[int, tuple[tuple[str, int, datetime | None], ...]]


class TargetSystem(System):
    @abstractmethod
    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> EntitlementTarget: ...

    @abstractmethod
    async def kept(self, customer_id: str) -> Kept | None:
        """What it holds of a customer, features sorted; None for one that it does not know."""


def told(customer_id: str, revision: int = 3) -> CustomerEntitlements:
    return CustomerEntitlements(
        customer_id=customer_id,
        revision=revision,
        as_of=datetime(2026, 11, 30, tzinfo=UTC),
        features=(
            EntitledFeature(feature="seats", quantity=revision, until=None),
            EntitledFeature(feature="sso", quantity=1, until=datetime(2031, 5, 17, tzinfo=UTC)),
        ),
    )


def as_kept(given: CustomerEntitlements) -> Kept:
    return given.revision, tuple((x.feature, x.quantity, x.until) for x in given.features)


async def customer(_system: TargetSystem) -> str:
    """One that no other test uses."""
    return f"cus_{secrets.token_hex(5)}"


async def _publish(port: EntitlementTarget, subject: str) -> object:
    return await port.publish(told(subject))


async def _published(system: TargetSystem, subject: str) -> int:
    kept = await system.kept(subject)
    if kept is None:
        return 0
    assert kept == as_kept(told(subject))
    return 1


async def _look(port: EntitlementTarget, subject: str) -> object:
    return await port.held(subject)


TARGET = Port(
    acts=(Act("publish", customer, _publish, _published),), look=Look("held", customer, _look)
)
