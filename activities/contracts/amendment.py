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


class AccountInput(Canonical):
    """Whose account the change needs before it can be planned."""

    tenant: str
    change_id: Identifier
    customer_id: Identifier


class Prepared(Canonical):
    """What the saga must know of its plan. `settled` when this change has been dealt with."""

    digest: str = ""
    kind: ChangeKind = ChangeKind.NONE
    summary: str = ""
    amount: Money | None = None
    posts: bool = False
    grants: bool = False
    support: bool = False
    payments: bool = False
    settled: bool = False
    #: The billing customer whose account is to be made before anything can be planned.
    account_missing: str | None = None


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
    @activity.defn(name="amendment.open_account")
    async def open_account(self, given: AccountInput) -> None:
        """Find or make the customer's ERP party and support organisation, and map them."""

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
    @activity.defn(name="amendment.record_payments")
    async def record_payments(self, step: StepInput) -> None:
        """Enter the money that has moved in the ERP. It did move, so there is no undo."""

    @abstractmethod
    @activity.defn(name="amendment.settle")
    async def settle(self, step: StepInput) -> Settled:
        """Prove by reading every system back, write back to billing, save and publish."""

    @abstractmethod
    @activity.defn(name="amendment.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        """Close the change after its undo; billing is told, and events are published."""
