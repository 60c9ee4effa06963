"""What the sweep of documents in the ERP may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical, Instant


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
