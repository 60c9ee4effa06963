"""The exception work queue as sagas see it."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical, Identifier
from canonical_models.exceptions import Raised, Resolution, Track

#: Of the failure that refuses a decision: who made it had no leave to, or was not the first. The
#: question stays open.
NOT_ADMITTED = "NotAdmitted"


class Opened(Canonical):
    exception_id: Identifier
    #: Seconds until the owner's service level is missed.
    due_seconds: float


class Resumed(Canonical):
    tenant: str
    change_id: Identifier
    #: Of the saga that acts on it; None of a process.
    epoch: int | None = None
    resolution: Resolution


class Withdrawn(Canonical):
    """The question of a change or process is not asked any more; `why` in words."""

    tenant: str
    change_id: Identifier
    #: Of the saga that asked; None of a process.
    epoch: int | None = None
    track: Track
    why: str


class ExceptionActivities(ABC):
    @abstractmethod
    @activity.defn(name="exceptions.open")
    async def open(self, raised: Raised) -> Opened:
        """Open the exception, or find the one that is already open for this track of the change."""

    @abstractmethod
    @activity.defn(name="exceptions.resume")
    async def resume(self, resumed: Resumed) -> None:
        """Apply the correction, close the exception, put the change back to running. Fails with
        NOT_ADMITTED."""

    @abstractmethod
    @activity.defn(name="exceptions.escalate")
    async def escalate(self, opened: Opened) -> None:
        """The service level was missed: say so, loudly, and keep waiting."""

    @abstractmethod
    @activity.defn(name="exceptions.withdraw")
    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """Close the open question: what it was about has gone on by itself."""
