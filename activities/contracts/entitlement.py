"""What the process of a customer and an entitlement target may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical
from canonical_models.process import Process


class EntitlementEvaluation(Canonical):
    """`behind` where the target has not confirmed the newest revision, and nobody has given it up.
    `seconds` is until time alone changes something; None where it never does."""

    words: str
    behind: bool
    seconds: float | None = None


class EntitlementActivities(ABC):
    @abstractmethod
    @activity.defn(name="entitlement.evaluate")
    async def evaluate(self, process: Process) -> EntitlementEvaluation:
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
