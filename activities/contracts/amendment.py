"""What the amendment saga may ask for. Inputs are references: plans and snapshots stay in
PostgreSQL, so a history stays small and no customer data enters it."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Identifier
from canonical_models.money import Money


class StepInput(Canonical):
    """The change that a step belongs to, and the plan it carries out (`digest`)."""

    tenant: str
    change_id: Identifier
    digest: str = ""


class Prepared(Canonical):
    """What the saga must know of its plan. `settled` when this change has been dealt with."""

    digest: str = ""
    kind: ChangeKind = ChangeKind.NONE
    summary: str = ""
    amount: Money | None = None
    posts: bool = False
    grants: bool = False
    support: bool = False
    settled: bool = False


class Posted(Canonical):
    """`number` is the ERP's document number; `document_id` its key."""

    document_id: str
    number: str | None


class Settled(Canonical):
    outcome: str
    summary: str


class UndoneInput(Canonical):
    tenant: str
    change_id: Identifier
    #: 'compensated' or 'cancelled'.
    outcome: str
    reason: str


class AmendmentActivities(ABC):
    """Every write goes through the effect ledger and is safe to repeat, its undo included."""

    @abstractmethod
    @activity.defn(name="amendment.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        """Read billing, check every precondition in parallel, make the plan and keep it."""

    @abstractmethod
    @activity.defn(name="amendment.post_document")
    async def post_document(self, step: StepInput) -> Posted: ...

    @abstractmethod
    @activity.defn(name="amendment.reverse_document")
    async def reverse_document(self, step: StepInput) -> None: ...

    @abstractmethod
    @activity.defn(name="amendment.entitle")
    async def entitle(self, step: StepInput) -> None:
        """Grants and support as planned, side by side."""

    @abstractmethod
    @activity.defn(name="amendment.restore_grants")
    async def restore_grants(self, step: StepInput) -> None: ...

    @abstractmethod
    @activity.defn(name="amendment.restore_support")
    async def restore_support(self, step: StepInput) -> None: ...

    @abstractmethod
    @activity.defn(name="amendment.settle")
    async def settle(self, step: StepInput) -> Settled:
        """Prove by reading every system back, write back to billing, save and publish."""

    @abstractmethod
    @activity.defn(name="amendment.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        """Close the change after its undo; billing is told, and events are published."""
