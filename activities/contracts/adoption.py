"""What the workflow of an adoption may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical, Identifier


class AdoptionPart(Canonical):
    """An adoption, wherever it has come to: that is kept in its row."""

    tenant: str
    adoption_id: Identifier


class AdoptionStopped(Canonical):
    part: AdoptionPart
    error: str


class PageAdopted(Canonical):
    """How many customers the page had, and whether it was the last."""

    customers: int
    over: bool


class AdoptionActivities(ABC):
    @abstractmethod
    @activity.defn(name="adoption.adopt_page")
    async def adopt_page(self, part: AdoptionPart) -> PageAdopted:
        """Take the next page of customers over, or rehearse it, and keep what was found of each.
        Customers of the page that are done already are left out."""

    @abstractmethod
    @activity.defn(name="adoption.stop")
    async def stop(self, stopped: AdoptionStopped) -> None:
        """It goes no further until somebody resumes it."""
