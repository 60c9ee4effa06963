"""What deferred revenue may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical


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
