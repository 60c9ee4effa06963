"""A support platform behind `TicketingPort`, as the suite needs it described."""

import secrets
from abc import abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement
from connectors.config import ConnectionConfig
from connectors.ports import TicketingPort
from tests.connectors.conformance.describing import Act, Look, Port, System


@dataclass(frozen=True)
class Shown:
    """What an organisation shows, as agents see it: times in UTC, features sorted."""

    name: str
    tier: str | None
    contract_end: datetime | None
    features: tuple[str, ...]


@dataclass(frozen=True)
class Newcomer:
    """A customer whom the platform does not know."""

    external_id: str
    profile: AccountProfile


class SupportSystem(System):
    @abstractmethod
    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> TicketingPort: ...

    @abstractmethod
    async def made_by_hand(self, name: str, external_id: str | None) -> None:
        """An agent makes an organisation; without an external id it is nobody's that we know."""

    @abstractmethod
    async def deleted_by_hand(self, external_id: str) -> None:
        """An agent deletes it."""

    @abstractmethod
    async def case_by_hand(self, external_id: str, subject: str) -> None:
        """A case of the organisation is opened."""

    @abstractmethod
    async def shown(self, external_id: str) -> list[Shown]:
        """All organisations of this external id."""

    @abstractmethod
    async def named(self, name: str) -> int:
        """How many organisations are called so, whoever's they are."""

    async def settled(self) -> None:
        """Where lists of changes run behind: until they tell of what has just been done."""


def newcomer() -> Newcomer:
    token = secrets.token_hex(5)
    profile = AccountProfile(customer_id=f"cus_{token}", name=f"Newcomer {token}")
    return Newcomer(f"cus_{token}", profile)


def wanted(external_id: str) -> SupportEntitlement:
    return SupportEntitlement(
        organization=external_id,
        tier="gold",
        contract_end=datetime(2031, 5, 17, 22, 30, tzinfo=UTC),
        features=("chat", "sso"),
    )


async def known(system: SupportSystem) -> str:
    """The external id of an organisation that an agent has made."""
    token = secrets.token_hex(5)
    await system.made_by_hand(f"Known {token}", f"cus_{token}")
    return f"cus_{token}"


async def _newcomer(_system: SupportSystem) -> Newcomer:
    return newcomer()


async def _create(port: TicketingPort, subject: Newcomer) -> object:
    return await port.create_organization(subject.external_id, subject.profile)


async def _created(system: SupportSystem, subject: Newcomer) -> int:
    found = await system.shown(subject.external_id)
    assert all(each.name == subject.profile.name for each in found)
    assert len(found) == await system.named(subject.profile.name)
    return len(found)


async def _publish(port: TicketingPort, subject: str) -> object:
    return await port.publish(wanted(subject))


async def _published(system: SupportSystem, subject: str) -> int:
    (found,) = await system.shown(subject)
    told = wanted(subject)
    return int(
        (found.tier, found.contract_end, found.features)
        == (told.tier, told.contract_end, told.features)
    )


def _new_name(subject: str) -> str:
    return f"Renamed {subject}"


async def _rename(port: TicketingPort, subject: str) -> None:
    profile = AccountProfile(customer_id=subject, name=_new_name(subject))
    await port.rename_organization(subject, profile)


async def _renamed(system: SupportSystem, subject: str) -> int:
    (found,) = await system.shown(subject)
    return int(found.name == _new_name(subject))


async def _look(port: TicketingPort, subject: str) -> object:
    return await port.organization(subject)


SUPPORT = Port(
    acts=(
        Act("create", _newcomer, _create, _created),
        Act("publish", known, _publish, _published),
        Act("rename", known, _rename, _renamed),
    ),
    look=Look("organization", known, _look),
)
