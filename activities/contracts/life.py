"""What the processes beside the changes may ask for: renewal, dunning, entitlement, invoices,
deferred revenue."""

from abc import ABC, abstractmethod
from enum import StrEnum

from temporalio import activity

from canonical_models.base import Canonical, Instant
from canonical_models.exceptions import Resolution
from canonical_models.money import Money
from canonical_models.process import Process


class Act(StrEnum):
    """What a process does after a look."""

    WAIT = "wait"
    #: Renewal: try out what is to come.
    FORECAST = "forecast"
    #: Renewal: billing should have told of it by now.
    CALL = "call"
    #: Dunning: a person decides.
    DECIDE = "decide"
    OVER = "over"


class RenewalLook(Canonical):
    """`seconds` is how long nothing is to be done. `renewal` is the one that was looked at."""

    act: Act
    words: str
    seconds: float | None = None
    renewal: Instant | None = None


class ForecastInput(Canonical):
    process: Process
    renewal: Instant


class Foreseen(Canonical):
    amount: Money
    words: str


class ForecastProblem(Canonical):
    """The renewal would not post as things are."""

    process: Process
    renewal: Instant
    problem: str


class RenewalActivities(ABC):
    @abstractmethod
    @activity.defn(name="renewal.look")
    async def look(self, process: Process) -> RenewalLook:
        """Where the term stands, by billing's clock."""

    @abstractmethod
    @activity.defn(name="renewal.forecast")
    async def forecast(self, given: ForecastInput) -> Foreseen:
        """Prove that mapping, items, tax, period and legal entity will post. Raises what is in the
        way, as posting would."""

    @abstractmethod
    @activity.defn(name="renewal.blocked")
    async def blocked(self, given: ForecastProblem) -> Money:
        """Keep and tell what is in the way. The amount at risk."""

    @abstractmethod
    @activity.defn(name="renewal.call")
    async def call(self, given: ForecastInput) -> None:
        """Have the subscription looked at by a change of its own."""


class DunningLook(Canonical):
    act: Act
    words: str
    stage: str
    seconds: float | None = None
    unpaid: Money | None = None


class DunningDecision(Canonical):
    process: Process
    resolution: Resolution


class DunningActivities(ABC):
    @abstractmethod
    @activity.defn(name="dunning.look")
    async def look(self, process: Process) -> DunningLook:
        """Move the case on as far as time and billing have: remind, suspend, close."""

    @abstractmethod
    @activity.defn(name="dunning.conclude")
    async def conclude(self, decided: DunningDecision) -> None:
        """Carry out what a person has decided: more time, or the end with credit or write-off."""


class EntitlementLook(Canonical):
    """`behind` where the target has not confirmed the newest revision, and nobody has given it up.
    `seconds` is until time alone changes something; None where it never does."""

    words: str
    behind: bool
    seconds: float | None = None


class EntitlementActivities(ABC):
    @abstractmethod
    @activity.defn(name="entitlement.look")
    async def look(self, process: Process) -> EntitlementLook:
        """Whether its target follows. What time alone has changed since the last news is news, and
        told as an event."""

    @abstractmethod
    @activity.defn(name="entitlement.publish")
    async def publish(self, process: Process) -> int:
        """Bring the target to the newest revision; the revision that it then holds."""

    @abstractmethod
    @activity.defn(name="entitlement.refused")
    async def refused(self, process: Process) -> None:
        """A person has given the target up for now; it is behind until the next news."""


class SweepInput(Canonical):
    """`invoice_ids` empty for all that may have moved."""

    tenant: str
    invoice_ids: tuple[str, ...] = ()


class SweepPart(Canonical):
    """`before` is when the sweep began: what was looked up since is done."""

    sweep: SweepInput
    before: Instant


class Swept(Canonical):
    looked_at: int
    changed: int
    #: What could not be read or told, in words; it is tried again at the next sweep.
    problems: tuple[str, ...] = ()


class InvoiceActivities(ABC):
    @abstractmethod
    @activity.defn(name="invoices.sweep")
    async def sweep(self, part: SweepPart) -> Swept:
        """Read where some invoices stand in the ERP, and tell billing what has changed. Nothing is
        looked at when all is done."""


class RevenueInput(Canonical):
    tenant: str


class Extended(Canonical):
    """`problems` are legal entities where it could not be done, with why; tried again tomorrow."""

    legal_entities: tuple[str, ...]
    problems: tuple[str, ...] = ()


class RevenueActivities(ABC):
    @abstractmethod
    @activity.defn(name="revenue.extend")
    async def extend(self, given: RevenueInput) -> Extended:
        """Book the months of deferred revenue whose fiscal years have been opened since."""
