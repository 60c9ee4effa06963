"""What is found when a company goes live: customers that billing has had before us, one by one."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.batch import Batch, BatchState, ItemOutcome
from canonical_models.money import Money


class AdoptionState(StrEnum):
    """STOPPED waits for somebody to mend what stopped it and to resume it."""

    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


class AdoptionResult(StrEnum):
    """AGREED is taken over whole. LEFT has something that a person decides: its access is taken
    over or not at all, as its findings say."""

    AGREED = "agreed"
    LEFT = "left"


class AdoptionCause(StrEnum):
    """Why a customer is left for a person. What a system refused beside these has the name of its
    refusal."""

    ACCOUNT_UNMAPPED = "account_unmapped"
    ACCOUNT_AMBIGUOUS = "account_ambiguous"
    ORGANIZATION_UNKNOWN = "organization_unknown"
    ITEM_UNMAPPED = "item_unmapped"
    #: Billing's document is open and the ERP has none of its number.
    DOCUMENT_MISSING = "document_missing"
    #: Several have it.
    DOCUMENT_AMBIGUOUS = "document_ambiguous"
    #: One has it, and says something else.
    DOCUMENT_DIFFERS = "document_differs"
    #: It is linked to another document of billing.
    DOCUMENT_TAKEN = "document_taken"
    BALANCE_DIFFERS = "balance_differs"
    #: A system answered neither yes nor no, however often it was asked.
    UNREACHABLE = "unreachable"


class AccountStep(StrEnum):
    """How the customer came to its ERP party and support organisation."""

    #: It was mapped before.
    KEPT = "kept"
    #: Found for certain.
    FOUND = "found"
    #: Made, by policy.
    MADE = "made"
    NONE = "none"


class Finding(Canonical):
    """What a person decides. `subject` is what it is about, such as an item's key or a document;
    `billing` and `erp` are the figures of both sides where there are any. `blocks` is whether the
    customer's access waits for it."""

    cause: str = Field(max_length=60)
    subject: str = Field(max_length=255)
    message: str = Field(max_length=2000)
    billing: str | None = Field(default=None, max_length=500)
    erp: str | None = Field(default=None, max_length=500)
    blocks: bool = False


class BalanceSides(Canonical):
    """What stood to the customer's credit at the cutover, by currency: billing's balance, and what
    was open on the party's account in the ERP beside documents. Positive where we owe it."""

    billing: Money
    erp: Money

    @property
    def agree(self) -> bool:
        return self.billing == self.erp


class AdoptionFigures(Canonical):
    """How much there is of a customer, and what was done: `given` of its `subscriptions` were taken
    over, `linked` of the `documents` that were open at the cutover stand for the ERP's, `asked` are
    the changes that ask for what billing has issued since. In a rehearsal: what would be."""

    account: AccountStep = AccountStep.NONE
    subscriptions: int = 0
    given: int = 0
    documents: int = 0
    linked: int = 0
    asked: int = 0
    balances: tuple[BalanceSides, ...] = ()


class AdoptedCustomer(Canonical):
    customer_id: Identifier
    findings: tuple[Finding, ...] = ()
    figures: AdoptionFigures = AdoptionFigures()

    @property
    def result(self) -> AdoptionResult:
        return AdoptionResult.LEFT if self.findings else AdoptionResult.AGREED

    @property
    def outcome(self) -> ItemOutcome:
        """Where it stands in its batch."""
        causes = {finding.cause for finding in self.findings}
        if AdoptionCause.UNREACHABLE in causes:
            return ItemOutcome.FAILED
        return ItemOutcome.WAITS if causes else ItemOutcome.DONE


class Going(Canonical):
    """What an adoption is begun with: whether it is tried out, of which customer alone, and the
    day."""

    rehearsal: bool
    customer: Identifier | None = None
    cutover: Instant


class Adoption(Going):
    """One batch over billing's customers. `listed` are those that are on its list so far, `counts`
    those that are done by their result; `error` is what stopped it."""

    adoption_id: Identifier
    state: AdoptionState
    listed: int = 0
    counts: dict[AdoptionResult, int] = Field(default_factory=dict)
    started_by: str
    error: str | None = None
    started_at: Instant
    ended_at: Instant | None = None

    @classmethod
    def of(cls, batch: Batch) -> "Adoption":
        running = batch.state is BatchState.RUNNING
        ended = batch.state is BatchState.ENDED
        results = {
            AdoptionResult.AGREED: batch.count(ItemOutcome.DONE),
            AdoptionResult.LEFT: batch.count(ItemOutcome.WAITS, ItemOutcome.FAILED),
        }
        return cls(
            **dict(Going.model_validate(batch.given, strict=False)),
            adoption_id=batch.batch_id,
            state=AdoptionState.RUNNING
            if running
            else AdoptionState.ENDED
            if ended
            else AdoptionState.STOPPED,
            listed=batch.total,
            counts={result: count for result, count in results.items() if count},
            started_by=batch.begun_by,
            error=batch.why,
            started_at=batch.begun_at,
            ended_at=batch.ended_at,
        )

    @property
    def customers(self) -> int:
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        return self.counts.get(AdoptionResult.LEFT, 0)


class CauseCount(Canonical):
    """How often a cause was found, about how many customers, and an example."""

    cause: str
    findings: int
    customers: int
    example: str


class ItemCount(Canonical):
    """A key of billing's items that nobody has mapped, and how many customers wait for it."""

    item: str
    customers: int


class AdoptionTotals(Canonical):
    """Over all customers of an adoption."""

    subscriptions: int = 0
    given: int = 0
    documents: int = 0
    linked: int = 0
    asked: int = 0
    #: By AccountStep.
    accounts: dict[str, int] = Field(default_factory=dict)
    #: Both sides by currency, positive where we owe customers.
    balances: tuple[BalanceSides, ...] = ()
