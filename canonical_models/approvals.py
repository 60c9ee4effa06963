"""What may not be booked without somebody's yes: who has to give it, and who has."""

from collections.abc import Collection
from enum import StrEnum

from pydantic import Field

from canonical_models.acts import Role
from canonical_models.base import Canonical
from canonical_models.money import Money


class Occasion(StrEnum):
    """For what of a document, or of money that goes back, a yes is asked."""

    #: What its lines, or taking back what was charged, give the customer, with tax.
    CREDIT = "credit"
    #: What its lines, or taking back what was credited, charge the customer, with tax.
    CHARGE = "charge"
    #: That a document which stands in the books is taken back; measured by its larger side.
    REVERSAL = "reversal"
    #: Money that billing has given back.
    REFUND = "refund"
    #: What was taken off, as a part of what it would have been.
    DISCOUNT = "discount"
    #: That it is booked on another day than its own, because the books of that day are closed.
    CLOSED_PERIOD = "closed_period"
    #: That a cause is released, or a release undone, as a whole; `policy.releases` asks for it.
    RELEASE = "release"


class Approval(Canonical):
    """A person's yes to `content`; `roles` are what they were then. None for a program's key."""

    content: str
    by: str
    roles: tuple[str, ...] | None = None


class Need(Canonical):
    """That `people` different people say yes, each of whom has one of the `roles`; anybody who may
    approve where none is named. `then` are those who may as well once nobody has in time. `why`
    stands after the name of what it is about."""

    occasion: Occasion
    why: str
    roles: tuple[Role, ...] = ()
    people: int = Field(default=1, ge=1)
    then: tuple[Role, ...] = ()

    def given(self, approvals: Collection[Approval]) -> tuple[str, ...]:
        """Whose yes counts for it."""
        return tuple(sorted({each.by for each in approvals if self.counts(each.roles)}))

    def counts(self, roles: Collection[str] | None, *, late: bool = True) -> bool:
        """Whether the yes of somebody with these roles does. Whoever was let say it because it was
        late is counted."""
        if not self.roles:
            return True
        asked = {*self.roles, *(self.then if late else ())}
        return roles is not None and bool(asked & set(roles))

    def met(self, approvals: Collection[Approval]) -> bool:
        return len(self.given(approvals)) >= self.people


class Extent(Canonical):
    """How much a release, or its undo, is: `amounts`, one a currency, are what would be booked or
    taken back, whichever way it goes; of `unknown` documents nobody knows."""

    cases: int
    amounts: tuple[Money, ...]
    unknown: int = 0


class ApprovalAsked(Canonical):
    """`content` is the digest of all that matters to the books: a yes is to that and to nothing
    else."""

    content: str
    needs: tuple[Need, ...] = ()

    def open(self, approvals: Collection[Approval]) -> tuple[Need, ...]:
        """What is still to be said, of all that was said of this content."""
        said = [each for each in approvals if each.content == self.content]
        return tuple(need for need in self.needs if not need.met(said))
