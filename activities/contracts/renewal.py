"""What the process of a subscription's renewal may ask for."""

from abc import ABC, abstractmethod
from enum import StrEnum

from temporalio import activity

from canonical_models.base import Canonical, Instant
from canonical_models.money import Money
from canonical_models.process import Process


class RenewalAct(StrEnum):
    """What comes after a look at the term."""

    WAIT = "wait"
    #: Try out what is to come.
    FORECAST = "forecast"
    #: Billing should have told of it by now.
    CALL = "call"
    OVER = "over"


class RenewalEvaluation(Canonical):
    """`seconds` is how long nothing is to be done. `renewal` is the one that was looked at."""

    act: RenewalAct
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
    @activity.defn(name="renewal.evaluate")
    async def evaluate(self, process: Process) -> RenewalEvaluation:
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
