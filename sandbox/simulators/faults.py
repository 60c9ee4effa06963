"""Faults that a simulator was told to commit, through its control API."""

from abc import abstractmethod
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One fault: either a `status` instead of the effect, a `drop` of the connection before or
    after the effect, or just a delay. `times` None means for good."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    drop: Literal["before", "after"] | None = None
    times: Annotated[int, Field(ge=1)] | None = 1
    delay_ms: Annotated[int, Field(ge=0, le=600_000)] = 0
    retry_after: Annotated[int, Field(ge=0)] | None = None

    @abstractmethod
    def matches(self, method: str, where: str) -> bool:
        """Whether it is meant for this request."""


Kind = TypeVar("Kind", bound=Fault)


class Faults(Generic[Kind]):
    """Faults in the order they were set; the first that matches is used."""

    def __init__(self) -> None:
        self._armed: list[Kind] = []

    def arm(self, faults: list[Kind]) -> None:
        """Add faults behind those already there."""
        self._armed.extend(fault.model_copy() for fault in faults)

    def clear(self) -> None:
        """Forget all."""
        self._armed.clear()

    def listed(self) -> list[Kind]:
        """What is still armed, with the times left."""
        return self._armed

    def take(self, method: str, where: str) -> Kind | None:
        """The fault for this request; used up when its times are."""
        for fault in self._armed:
            if fault.matches(method, where):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._armed.remove(fault)
                return fault
        return None
