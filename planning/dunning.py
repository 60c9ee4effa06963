"""How far an unpaid invoice has come, and what it takes away. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from canonical_models.commerce import BillingLine, BillingSnapshot, SubscriptionItem
from canonical_models.policy import DunningPolicy
from canonical_models.term import DunningCase, DunningStage, Invoice, InvoiceStatus


@dataclass(frozen=True)
class Advance:
    """The case as it is at the moment it was looked at. `reminders` are the days whose reminders
    are to be told now, `next_at` is when something falls due; None when nothing will by itself."""

    case: DunningCase
    reminders: tuple[int, ...]
    next_at: datetime | None


def advance(
    case: DunningCase, invoice: Invoice | None, policy: DunningPolicy, grace: int, at: datetime
) -> Advance:
    """`invoice` as billing has it now, None when billing knows it no more; `grace` in days."""
    if (outcome := _over(invoice)) is not None:
        closed = {"stage": DunningStage.CLOSED, "outcome": case.outcome or outcome}
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
    invoice: str, lines: Iterable[BillingLine], erp_item: dict[str, str], policy: DunningPolicy
) -> int:
    """The most generous grace of what the invoice charges; `erp_item` is by billing item."""
    charged = {erp_item.get(line.item) for line in lines if line.invoice_id == invoice}
    return max(
        (policy.items[item] for item in charged if item in policy.items), default=policy.grace_days
    )


def suspended_items(snapshot: BillingSnapshot, unpaid: Collection[str]) -> tuple[str, ...]:
    """The items whose present period an unpaid invoice charges, by id.

    `unpaid` are the invoices whose grace is over. One that billing shows as settled counts no
    more. A period that another invoice has prepaid is not touched: of all the lines of an item
    that charge the present moment, the one for the whole period decides.
    """
    settled = {invoice.invoice_id for invoice in snapshot.invoices if not invoice.unpaid}
    owed = set(unpaid) - settled
    if not owed:
        return ()
    found = (
        item.item_id
        for item in snapshot.subscription.items
        if (line := _charge(item, snapshot)) is not None and line.invoice_id in owed
    )
    return tuple(sorted(found))


def _charge(item: SubscriptionItem, snapshot: BillingSnapshot) -> BillingLine | None:
    """The line that charges an item's present period: the longest one, else the newest. One that
    begins earlier charged a period that was given up, such as the year before a change to months.
    """
    at = snapshot.subscription.as_of
    charging = [
        line
        for line in snapshot.lines
        if line.item_id == item.item_id
        and line.invoice_id is not None
        and line.net.minor > 0
        and item.period_start <= line.period_start <= at < line.period_end
    ]
    return max(
        charging,
        key=lambda line: (line.period_end - line.period_start, line.period_start, line.line_id),
        default=None,
    )


def _over(invoice: Invoice | None) -> str | None:
    """How the case ended, in a word; None while the money is owed."""
    if invoice is None:
        return "void"
    match invoice.status:
        case InvoiceStatus.PAID:
            return "paid"
        case InvoiceStatus.VOID | InvoiceStatus.DRAFT:
            return "void"
        case InvoiceStatus.UNCOLLECTIBLE:
            return "write_off"
        case InvoiceStatus.OPEN:
            return None if invoice.overdue_since is not None else "ended"
