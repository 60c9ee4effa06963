"""How far an unpaid invoice has come. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.exceptions import Action
from canonical_models.mapping import ItemMapping, keys_of
from canonical_models.policy import DunningPolicy
from canonical_models.term import DunningCase, DunningStage
from planning.mapping import first_of

#: How an invoice ends when a person has decided so.
_ENDS = {Action.CREDIT.value: "void", Action.WRITE_OFF.value: "uncollectible"}


@dataclass(frozen=True)
class Advance:
    """The case as it is at the moment it was looked at. `reminders` are the days whose reminders
    are to be told now, `next_at` is when something falls due; None when nothing will by itself."""

    case: DunningCase
    reminders: tuple[int, ...]
    next_at: datetime | None


def advance(
    case: DunningCase,
    document: BillingDocument | None,
    policy: DunningPolicy,
    grace: int,
    at: datetime,
) -> Advance:
    """`document` as billing has it now, None when billing knows it no more; `grace` in days. A case
    ends as billing says: paid, void, uncollectible, or ended; in the words of who decided it here,
    where that is what came of it."""
    if (outcome := over(document)) is not None:
        decided = case.outcome if carried_out(case.outcome, outcome) else outcome
        closed = {"stage": DunningStage.CLOSED, "outcome": decided}
        return Advance(case.model_copy(update=closed), (), None)
    start = case.overdue_since + timedelta(days=case.extended_days)
    passed = at - start
    due = [day for day in policy.reminder_days if day < grace and passed >= timedelta(days=day)]
    told = tuple(due[case.reminders :])
    if passed >= timedelta(days=policy.final_days):
        stage = DunningStage.FINAL
    elif passed >= timedelta(days=grace):
        stage = DunningStage.SUSPENDED
    else:
        stage = DunningStage.GRACE
    held_back = stage is not DunningStage.GRACE
    now = case.model_copy(
        update={
            "stage": stage,
            "reminders": max(len(due), case.reminders),
            "suspended_at": (case.suspended_at or at) if held_back else None,
        }
    )
    ahead = [day for day in (*policy.reminder_days, grace, policy.final_days) if day <= grace]
    ahead.append(policy.final_days)
    coming = [start + timedelta(days=day) for day in ahead]
    return Advance(now, told, min((moment for moment in coming if moment > at), default=None))


def grace_days(
    document: BillingDocument, items: Mapping[str, ItemMapping], policy: DunningPolicy
) -> int:
    """The most generous grace of what the document charges; `items` by the keys of its lines."""
    charged = (first_of(keys_of(line), items) for line in document.lines)
    graces = (policy.items.get(mapping.erp_item) for mapping in charged if mapping is not None)
    return max((grace for grace in graces if grace is not None), default=policy.grace_days)


def carried_out(decided: str | None, outcome: str) -> bool:
    """Whether an invoice ended as a person has decided."""
    return decided is not None and _ENDS.get(decided) == outcome


def over(document: BillingDocument | None) -> str | None:
    """How the case ended, in a word; None while the money is owed."""
    if document is None:
        return "void"
    match document.status:
        case DocumentStatus.PAID:
            return "paid"
        case DocumentStatus.VOID:
            return "void"
        case DocumentStatus.UNCOLLECTIBLE:
            return "uncollectible"
        case DocumentStatus.OPEN if not document.owed:
            return "paid"
        case DocumentStatus.OPEN | DocumentStatus.ISSUED:
            overdue = document.overdue_since is not None and document.owed
            return None if overdue else "ended"
