"""What the process of an unpaid invoice may ask for."""

from abc import ABC, abstractmethod
from enum import StrEnum

from temporalio import activity

from canonical_models.base import Canonical
from canonical_models.exceptions import Resolution
from canonical_models.money import Money
from canonical_models.process import Process


class DunningAct(StrEnum):
    """What comes after a look at the case."""

    WAIT = "wait"
    #: A person decides.
    DECIDE = "decide"
    OVER = "over"


class DunningEvaluation(Canonical):
    act: DunningAct
    words: str
    stage: str
    seconds: float | None = None
    unpaid: Money | None = None
    #: A person has decided already, and a run that was lost had begun to carry it out.
    decided: Resolution | None = None


class DunningDecision(Canonical):
    process: Process
    resolution: Resolution


class DunningActivities(ABC):
    @abstractmethod
    @activity.defn(name="dunning.evaluate")
    async def evaluate(self, process: Process) -> DunningEvaluation:
        """Move the case on as far as time and billing have: remind, suspend, close."""

    @abstractmethod
    @activity.defn(name="dunning.conclude")
    async def conclude(self, decided: DunningDecision) -> None:
        """Carry out what a person has decided: more time, or the end with credit or write-off."""
