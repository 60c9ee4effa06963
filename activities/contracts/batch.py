"""What the workflow of a batch may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical
from canonical_models.process import Process


class BatchTurn(Canonical):
    """`seconds` until the next one, None where only news brings one about; `over` at its end."""

    stage: str
    words: str
    seconds: float | None = None
    over: bool = False


class BatchPaused(Canonical):
    process: Process
    why: str


class BatchActivities(ABC):
    @abstractmethod
    @activity.defn(name="batch.turn")
    async def turn(self, process: Process) -> BatchTurn:
        """Hand over the next of its items, or list a part of them, and look what has become of
        those before. What was done is not done again, whoever was killed in between."""

    @abstractmethod
    @activity.defn(name="batch.pause")
    async def pause(self, paused: BatchPaused) -> None:
        """It goes no further until somebody resumes it."""
