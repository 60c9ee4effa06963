"""What the sagas of subscriptions and accounts may ask for. Inputs are references: plans and
snapshots stay in PostgreSQL, so a history stays small and no customer data enters it."""

from abc import ABC, abstractmethod

from temporalio import activity

from activities.contracts.failure import Question
from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical, Identifier
from canonical_models.exceptions import Resolution
from canonical_models.money import Money
from canonical_models.states import ChangeOutcome


class RunInput(Canonical):
    """The run of a change that a step belongs to. `epoch` is the claim that it was started for: a
    step of an older one has no effect any more."""

    tenant: str
    change_id: Identifier
    epoch: int = 0


class StepInput(RunInput):
    """`digest` is of the plan that the step carries out, or that is to be made anew."""

    digest: str = ""


class DocumentInput(Canonical):
    """One document of the plan, by billing's id."""

    step: StepInput
    document_id: Identifier


class AccountInput(RunInput):
    """Whose account the change needs before it can be planned."""

    customer_id: Identifier


class PlannedDocument(Canonical):
    """A document that the plan posts, or takes back because billing has made it void; or that the
    process before us has posted, and a person has found: nothing of it is undone."""

    document_id: Identifier
    words: str
    void: bool = False
    found: bool = False
    lines: int = 0


class Prepared(Canonical):
    """What the saga must know of its plan. `settled` when this change has been dealt with.

    Each half is carried out as far as the plan goes, and then asks its question. `access_waits`
    where the tenant gives access after the books are right.
    """

    digest: str = ""
    kind: ChangeKind = ChangeKind.NONE
    summary: str = ""
    amount: Money | None = None
    documents: tuple[PlannedDocument, ...] = ()
    settlements: bool = False
    unbilled: bool = False
    books_question: Question | None = None
    access: bool = False
    access_waits: bool = False
    access_question: Question | None = None
    settled: bool = False
    #: Where it has been dealt with: what it came to.
    outcome: ChangeOutcome = ChangeOutcome.NO_CHANGE
    #: A person's decision to undo the change; the run that was told may have been lost since.
    aborted: Resolution | None = None
    #: A run that was lost has begun to take it back, as after a cancellation: it is gone on with.
    undoing: bool = False
    #: The billing customer whose account is to be made before the books can be planned.
    account_missing: str | None = None
    #: The lane of the ERP that its postings take; None where they need none.
    lane: str | None = None


class Begun(Canonical):
    """What the change has done, or may have, in whichever of its runs: billing's ids of documents,
    and whether access was touched, which an undo takes back; and whether a movement of money was
    begun and has not said what it came to, which a cancellation ends, because it did happen."""

    documents: tuple[str, ...] = ()
    access: bool = False
    money: bool = False


class Posted(Canonical):
    """`number` is the ERP's document number; `document_id` its key."""

    document_id: str
    number: str | None


class Settled(Canonical):
    outcome: str
    summary: str


#: The reason of an undo that was asked for by cancelling the saga.
CANCELLED = "cancelled by an operator"


class UndoneInput(RunInput):
    #: `compensated` or `cancelled`.
    outcome: ChangeOutcome
    reason: str
    #: Whether a person has taken the change back, rather than stopped it.
    aborted: bool = False


class UndoDocumentInput(RunInput):
    """`by` and `reason` say who has decided that a document that billing issued is taken back."""

    document_id: Identifier
    reason: str
    by: str


class BooksActivities(ABC):
    """The ERP's side of a plan, for subscriptions and accounts alike. Every write goes through the
    effect ledger and is safe to repeat, its undo included."""

    @abstractmethod
    @activity.defn(name="books.post_document")
    async def post_document(self, given: DocumentInput) -> Posted:
        """Post the document whole, or reverse it where billing has made it void; read back and held
        against the plan."""

    @abstractmethod
    @activity.defn(name="books.settle")
    async def settle_documents(self, step: StepInput) -> None:
        """Enter what settles documents, by time. It did happen, so there is no undo."""

    @abstractmethod
    @activity.defn(name="books.end_settling")
    async def end_settling(self, step: StepInput) -> None:
        """Enter what was begun of the movements and has not said what it came to; begin no other.
        Without it the ledger would be in doubt until somebody looks at the subject again."""

    @abstractmethod
    @activity.defn(name="books.show_unbilled")
    async def show_unbilled(self, step: StepInput) -> None:
        """Make the ERP show what is not billed yet. A set: the next one replaces it."""

    @abstractmethod
    @activity.defn(name="books.begun")
    async def begun(self, step: StepInput) -> Begun:
        """What an undo has to take back, of earlier runs as well."""

    @abstractmethod
    @activity.defn(name="books.reverse_document")
    async def reverse_document(self, given: UndoDocumentInput) -> None:
        """Finance takes back what was posted; it stays out until somebody releases it."""

    @abstractmethod
    @activity.defn(name="books.closed_by_hand")
    async def closed_by_hand(self, given: UndoDocumentInput) -> None:
        """A person has taken the document back in the ERP, which we could not; `reason` is what
        they say of it. It stays out until somebody releases it, as one that we have reversed."""

    @abstractmethod
    @activity.defn(name="books.drop_draft")
    async def drop_draft(self, given: UndoDocumentInput) -> None:
        """What was posted stays, since billing has issued it; a draft that was left is removed."""

    @abstractmethod
    @activity.defn(name="books.open_account")
    async def open_account(self, given: AccountInput) -> None:
        """Find or make the customer's ERP party and support organisation, and map them."""


class AmendmentActivities(ABC):
    """The plan of a subscription's change, its access, and its end."""

    @abstractmethod
    @activity.defn(name="amendment.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        """Take in what is pending of the subject, read billing, check every precondition in
        parallel, make the plan and keep it. One that comes late answers the plan that is kept."""

    @abstractmethod
    @activity.defn(name="amendment.entitle")
    async def entitle(self, step: StepInput) -> None:
        """Grants and support as planned, side by side."""

    @abstractmethod
    @activity.defn(name="amendment.restore_access")
    async def restore_access(self, step: StepInput) -> None:
        """Grants and support as they were before the change, less what billing has ended."""

    @abstractmethod
    @activity.defn(name="amendment.settle")
    async def settle(self, step: StepInput) -> Settled:
        """Prove by reading every system back, write back to billing, save and publish."""

    @abstractmethod
    @activity.defn(name="amendment.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        """Close the change after its undo; billing is told, and events are published."""


class AccountActivities(ABC):
    """The plan of an account's change, its master data, and its end."""

    @abstractmethod
    @activity.defn(name="account.prepare")
    async def prepare(self, step: StepInput) -> Prepared:
        """As of a subscription; `access` says that master data is to be carried on."""

    @abstractmethod
    @activity.defn(name="account.update_master_data")
    async def update_master_data(self, step: StepInput) -> None:
        """Name, address, tax ids and tax rule of the customer, to the ERP and to support."""

    @abstractmethod
    @activity.defn(name="account.settle")
    async def settle(self, step: StepInput) -> Settled:
        """Prove by reading the books back, save and publish."""

    @abstractmethod
    @activity.defn(name="account.settle_undone")
    async def settle_undone(self, undone: UndoneInput) -> None:
        """Close the change after its undo."""
