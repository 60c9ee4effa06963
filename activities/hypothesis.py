"""A plan that is nobody's: what is laid over for it, and what is taken as said. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from activities.contracts.amendment import Prepared
from canonical_models.amendment import AmendmentPlan, Refusal
from canonical_models.approvals import Approval, ApprovalAsked
from canonical_models.commerce import AccountSnapshot, BillingSnapshot
from canonical_models.documents import Unbilled
from canonical_models.preview import Overlay
from canonical_models.proposal import ProposedChange
from planning.given import BooksInput


@dataclass(frozen=True, slots=True)
class Hypothetical:
    """Nobody's change: what would be planned if this held, or if billing were asked for that."""

    overlay: Overlay
    proposed: ProposedChange | None = None
    #: The change that it stands for, if any: what it was planned to do before counts for nothing.
    change_id: str = ""
    #: What was issued from then on counts as not posted yet.
    anew: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A plan that is nobody's, what its saga would be told, what was planned as approved though it
    still is to be, and what it was planned from."""

    plan: AmendmentPlan
    told: Prepared
    asked: tuple[Refusal, ...]
    snapshot: BillingSnapshot | AccountSnapshot

    @property
    def unbilled(self) -> Unbilled | None:
        """What would not be billed yet."""
        snapshot = self.snapshot
        return snapshot.unbilled if isinstance(snapshot, BillingSnapshot) else None


def as_if_approved(
    planned: Callable[[BooksInput], AmendmentPlan], books: BooksInput
) -> tuple[AmendmentPlan, tuple[Refusal, ...]]:
    """The plan as it goes on once everybody has said yes, and whose yes it needs."""
    plan, asked = planned(books), list[Refusal]()
    while (refused := plan.books.refused) and refused.asked and refused.subject:
        asked.append(refused)
        said = (*books.approvals.get(refused.subject, ()), *_yes_to(refused.asked))
        books = replace(books, approvals={**books.approvals, refused.subject: said})
        plan = planned(books)
    return plan, tuple(asked)


def _yes_to(asked: ApprovalAsked) -> Iterable[Approval]:
    """Of as many people as it takes, each of whom may."""
    roles = tuple(sorted({role for need in asked.needs for role in need.roles}))
    for number in range(max(need.people for need in asked.needs)):
        yield Approval(content=asked.content, by=f"what-if {number}", roles=roles)
