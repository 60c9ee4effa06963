"""What a plan would write, and where: each as its effect is called in the ledger. Pure."""

from collections.abc import Iterable
from typing import Self

from canonical_models.amendment import AmendmentPlan, customer_of
from canonical_models.base import Canonical, Identifier

BILLING, ERP, SUPPORT, OURS = "billing", "erp", "support", "trueup"

POST, REVERSE, ENTER = "post document", "reverse void document", "enter settlement"
SHOW = "show what is not billed yet"
CREATE_PARTY, CREATE_ORGANIZATION = "create party", "create organisation"
MASTER_DATA = "update master data"
PUBLISH, GRANT, TELL, WRITE_BACK = (
    "publish entitlement",
    "grant and withdraw",
    "tell entitlements",
    "write back",
)


class WouldWrite(Canonical):
    """`system` is the part that is written to: `billing`, `erp`, `support`, a target by its name,
    or `trueup` for grants, which are kept here."""

    system: Identifier
    effect: str
    count: int

    @classmethod
    def of(cls, plan: AmendmentPlan, *, opens: bool, targets: Iterable[str]) -> tuple[Self, ...]:
        """In the order of the saga. `opens` is whether it has to open the account first: what is
        posted for it then is told once it is open."""
        books, access = plan.books, plan.access
        steps = books.documents
        settles = not plan.empty and not plan.refused
        counted = (
            (ERP, CREATE_PARTY, opens),
            (SUPPORT, CREATE_ORGANIZATION, opens),
            (ERP, MASTER_DATA, plan.master_data),
            (ERP, POST, sum(step.draft is not None and step.posted is None for step in steps)),
            (ERP, REVERSE, sum(step.void for step in steps)),
            (ERP, ENTER, len(books.settlements)),
            (ERP, SHOW, (books.unbilled is not None) + (books.unbilled_gone is not None)),
            (OURS, GRANT, access.changes_grants),
            (SUPPORT, PUBLISH, access.support is not None),
            *((target, TELL, access.changes_grants) for target in targets),
            (BILLING, WRITE_BACK, settles and customer_of(plan.subject) is None),
        )
        return tuple(
            cls(system=system, effect=effect, count=int(count))
            for system, effect, count in counted
            if count
        )
