"""What waits on time or on people beside the changes of a subscription."""

from collections.abc import Iterable
from enum import StrEnum

from canonical_models.base import Canonical, Identifier, Instant


class ProcessKind(StrEnum):
    #: The next renewal of a subscription: tried out ahead, asked for when it is late.
    RENEWAL = "renewal"
    #: The dunning of an overdue invoice.
    DUNNING = "dunning"
    #: What a customer may use, told to one target, also when time alone changes it.
    ENTITLEMENT = "entitlement"
    #: Many objects of one kind, one after the other.
    BATCH = "batch"
    #: A payout of billing, until it is in the books.
    PAYOUT = "payout"


#: The support platform as a target: what people grant beside subscriptions, and what is put right.
SUPPORT_TARGET = "support"


class Process(Canonical):
    """One process, and the input of its workflow. `key` is the subscription, invoice, customer,
    batch, or connection and payout that it is about, and `target` who is told of the customer's
    entitlements; no personal data."""

    kind: ProcessKind
    tenant: str
    key: Identifier
    subscription_id: Identifier | None = None
    customer_id: Identifier | None = None
    target: Identifier | None = None
    #: Of a renewal that goes on in a new run: the one whose forecast a person has left as it is.
    left: Instant | None = None

    @property
    def workflow_id(self) -> str:
        """One runs at a time under it."""
        place = self.key if self.target is None else f"{self.key}/{self.target}"
        return f"{self.kind.value}/{self.tenant}/{place}"


def entitlement_processes(
    tenant: str, customer_id: str, targets: Iterable[str]
) -> tuple[Process, ...]:
    """One for each target that is told what the customer may use."""
    return tuple(entitlement_process(tenant, customer_id, target) for target in targets)


def entitlement_process(tenant: str, customer_id: str, target: str) -> Process:
    """Tells the target what the customer may use."""
    return Process(
        kind=ProcessKind.ENTITLEMENT,
        tenant=tenant,
        key=customer_id,
        customer_id=customer_id,
        target=target,
    )


def payout_process(tenant: str, connection: str, payout_id: str) -> Process:
    """Books a payout of the connection."""
    return Process(kind=ProcessKind.PAYOUT, tenant=tenant, key=f"{connection}/{payout_id}")


def payout_of(process: Process) -> tuple[str, str]:
    """(connection, payout) that a process is about."""
    connection, _, payout_id = process.key.partition("/")
    return connection, payout_id
