"""A billing platform behind `BillingPort`, as the suite needs it described."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import httpx

from canonical_models.commerce import SyncMetadata
from canonical_models.documents import DocumentStatus
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.ports import BillingPort
from tests.connectors.conformance.describing import Act, Look, Port, System


@dataclass(frozen=True)
class Sold:
    """A subscription of a customer of its own, with an open invoice that was sent."""

    subscription: str
    customer: str
    invoice: str
    left: Money


class BillingSystem(System):
    #: (currency, amount in major units) that it can bill, of 0, 2 and 3 digits.
    amounts: tuple[tuple[str, str], ...]

    @abstractmethod
    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> BillingPort:
        """The adapter."""

    @abstractmethod
    async def sold(self) -> Sold: ...

    @abstractmethod
    async def issued(self, currency: str, amount: Decimal) -> str:
        """The id of an open invoice over so much, in major units, without tax."""

    @abstractmethod
    async def noted(self, subscription_or_document: str) -> dict[str, str]:
        """What of ours people see on it, by the names that we gave."""

    @abstractmethod
    async def ended(self, subscription: str) -> int:
        """How often it was told to have ended."""

    @abstractmethod
    async def closed(self, invoice: str, outcome: DocumentStatus) -> int:
        """How often it was told to have become void, uncollectible or paid."""

    @abstractmethod
    async def made_since(self, since: datetime) -> list[str]:
        """Ids of all final documents made from then on, the oldest first."""


SYNC = SyncMetadata(change_id="chg_1", state="synchronised", erp_document="INV-7")
STATUS = {"document": "INV-7", "open": "4.00"}


async def sold(system: BillingSystem) -> Sold:
    return await system.sold()


def key(subject: Sold, what: str) -> str:
    return f"{subject.subscription}/{what}"


async def _sync(port: BillingPort, subject: Sold) -> None:
    await port.record_sync(subject.subscription, SYNC, key=key(subject, "sync"))


async def _synced(system: BillingSystem, subject: Sold) -> int:
    noted = await system.noted(subject.subscription)
    return int({"chg_1", "synchronised", "INV-7"} <= set(noted.values()))


async def _status(port: BillingPort, subject: Sold) -> None:
    await port.record_erp_status(subject.invoice, STATUS, key=key(subject, "status"))


async def _noted(system: BillingSystem, subject: Sold) -> int:
    return int(await system.noted(subject.invoice) == STATUS)


async def _cancel(port: BillingPort, subject: Sold) -> None:
    await port.cancel(subject.subscription, key=key(subject, "cancel"))


async def _ended(system: BillingSystem, subject: Sold) -> int:
    return await system.ended(subject.subscription)


async def _void(port: BillingPort, subject: Sold) -> None:
    await port.close_invoice(subject.invoice, DocumentStatus.VOID, key=key(subject, "void"))


async def _voided(system: BillingSystem, subject: Sold) -> int:
    return await system.closed(subject.invoice, DocumentStatus.VOID)


async def _give_up(port: BillingPort, subject: Sold) -> None:
    outcome = DocumentStatus.UNCOLLECTIBLE
    await port.close_invoice(subject.invoice, outcome, key=key(subject, "give up"))


async def _given_up(system: BillingSystem, subject: Sold) -> int:
    return await system.closed(subject.invoice, DocumentStatus.UNCOLLECTIBLE)


async def _pay(port: BillingPort, subject: Sold) -> None:
    await port.pay_elsewhere(subject.invoice, subject.left, key=key(subject, "pay"))


async def _paid(system: BillingSystem, subject: Sold) -> int:
    return await system.closed(subject.invoice, DocumentStatus.PAID)


async def _subscription(system: BillingSystem) -> str:
    return (await system.sold()).subscription


async def _look(port: BillingPort, subject: str) -> object:
    return await port.snapshot(subject)


BILLING = Port(
    acts=(
        Act("record_sync", sold, _sync, _synced),
        Act("record_erp_status", sold, _status, _noted),
        Act("cancel", sold, _cancel, _ended),
        Act("close as void", sold, _void, _voided),
        Act("close as uncollectible", sold, _give_up, _given_up),
        Act("pay_elsewhere", sold, _pay, _paid),
    ),
    look=Look("snapshot", _subscription, _look),
)
