"""Where both sides of a month do not say the same, with what is done about it and who decided that
it may stand.

What comparisons have found is taken as it is, whatever it is about, beside what our own records
show of documents, debts and balances.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from canonical_models.closing import (
    CurrencyTotals,
    Decided,
    Next,
    PeriodDifference,
    content_of,
    difference_id,
)
from canonical_models.decisions import DecisionView, Target
from canonical_models.failures import Team
from canonical_models.money import Money
from canonical_models.reconciliation import About, Cause, FoundDifference, Repair, Scope
from operations import differences
from operations.context import AppContext
from operations.differences import DifferenceView
from operations.reasons import GONE_ONCE_LOOKED_AT
from operations.reconciling import sentence_of, within
from persistence import decisions, reconciliations
from persistence.closing import Month
from persistence.connection import Connection

ACCEPT, WITHDRAW = "accept", "withdraw"
#: What a difference of sums is about.
TOTAL = "total"
_PAGE = 500

_NEXT = {
    Repair.WAIT: Next.WAIT,
    Repair.DECIDE: Next.ANSWER,
    Repair.SYNC: Next.REPAIR,
    Repair.PUBLISH: Next.REPAIR,
    Repair.TELL: Next.REPAIR,
    Repair.IN_ERP: Next.IN_ERP,
}


async def of_month(
    context: AppContext, conn: Connection, month: Month, *, from_: datetime, to: datetime
) -> tuple[PeriodDifference, ...]:
    """As the newest comparison has left them; those that are about no document count in the month
    that they began in, and as long as they stand in each after it."""
    shown = await differences.of_entity(context, conn, month.tenant, month.legal_entity)
    said = {each.key: each for each in shown if each.about == About.DOCUMENT.value}
    found = await _found(context, conn, month)
    compared = {each.key for each in found if each.about is About.DOCUMENT}
    listed = [_of_found(each, said.get(each.key)) for each in found]
    for each in shown:
        if each.about == About.DOCUMENT.value:
            if from_ <= each.since < to and each.key not in compared:
                listed.append(_of_record(each))
        elif each.since < to:
            listed.append(_of_record(each))
    return await judged(conn, month.tenant, listed)


async def judged(
    conn: Connection, tenant: str, listed: Iterable[PeriodDifference]
) -> tuple[PeriodDifference, ...]:
    """With what finance has accepted of each as it is now: what is under way is still to change."""
    every = tuple(listed)
    ids = {each.difference_id for each in every}
    made = await decisions.newest_on(conn, tenant, Target.DIFFERENCE, ids)
    return tuple(
        each.model_copy(update={"decided": _accepted(made.get(each.difference_id), each)})
        if each.decided is None
        else each
        for each in every
    )


def of_totals(
    totals: Iterable[CurrencyTotals], apart: Iterable[str], known: Iterable[PeriodDifference]
) -> tuple[PeriodDifference, ...]:
    """Currencies whose sums are `apart` although no difference is accepted that has to do with
    them: what was compared does not tell why."""
    explained = {
        amount.currency
        for each in known
        for amount in (each.billing, each.erp)
        if amount is not None and each.decided is not None and each.decided.kind == "accepted"
    }
    unexplained = set(apart) - explained
    return tuple(_of_total(each) for each in totals if each.currency in unexplained)


async def _found(
    context: AppContext, conn: Connection, month: Month
) -> tuple[FoundDifference, ...]:
    scope = Scope(legal_entity=month.legal_entity, period=month.period)
    of = within(context, month.tenant, scope)
    every: list[FoundDifference] = []
    after = None
    while True:
        page = await reconciliations.page(conn, of, after=after, limit=_PAGE)
        every += page
        if len(page) < _PAGE:
            return tuple(every)
        after = (page[-1].about.value, page[-1].key, page[-1].what, page[-1].system)


def _of_found(each: FoundDifference, shown: DifferenceView | None) -> PeriodDifference:
    decided = None
    if each.cause is Cause.DECIDED:
        decided = Decided(
            kind="decided",
            by=(shown.by if shown else None) or "policy",
            reason=shown.sentence if shown and shown.by else sentence_of(each),
        )
    return _made(
        about=each.about.value,
        key=each.key,
        what=f"{each.system}:{each.what}",
        number=each.number,
        erp_number=each.erp_number,
        customer_id=each.customer_id,
        subject=each.subject,
        expected=each.expected,
        found=each.found,
        billing=each.billing,
        erp=each.erp,
        cause=each.cause.value,
        sentence=sentence_of(each),
        owner=each.owner.value,
        next=_NEXT[each.repair],
        exception_id=each.exception_id,
        change_id=each.change_id,
        decided=decided,
    )


def _of_record(each: DifferenceView) -> PeriodDifference:
    decided = None
    if each.by is not None:
        decided = Decided(kind="decided", by=each.by, reason=each.sentence)
    # What a question says may name somebody, and a report is kept for good.
    asked = each.exception_id is not None
    return _made(
        about=each.about,
        key=each.key,
        what=each.what,
        number=each.number,
        erp_number=each.erp_number,
        customer_id=each.customer_id,
        subject=each.subject,
        billing=each.billing,
        erp=each.erp,
        cause=each.cause,
        sentence="a question about it is open" if asked else each.sentence,
        owner=each.owner,
        next=_next_of(each),
        exception_id=each.exception_id,
        change_id=each.change_id,
        decided=decided,
    )


def _next_of(each: DifferenceView) -> Next:
    if each.exception_id is not None:
        return Next.ANSWER
    if each.change_id is not None:
        return Next.WAIT
    return Next.REPAIR if each.cause in GONE_ONCE_LOOKED_AT else Next.ACCEPT


def _of_total(totals: CurrencyTotals) -> PeriodDifference:
    billing, erp = totals.billing, totals.erp

    def words(count: int, net: Money, tax: Money) -> str:
        return f"{count} documents, net {net}, tax {tax}"

    return _made(
        about=TOTAL,
        key=totals.currency,
        what="booked",
        expected=words(billing.count, billing.net, billing.tax),
        found=words(erp.count, erp.net, erp.tax),
        billing=billing.gross,
        erp=erp.gross,
        cause="unexplained",
        sentence=f"of billing's documents {words(billing.count, billing.net, billing.tax)} were "
        f"booked, the ERP has {words(erp.count, erp.net, erp.tax)}, or has them on other accounts "
        "or tax codes, and no difference of a document says why",
        owner=Team.FINANCE.value,
        next=Next.ACCEPT,
    )


def _made(*, about: str, key: str, what: str, **said: Any) -> PeriodDifference:
    differs = {name: said.get(name) for name in ("expected", "found", "billing", "erp")}
    return PeriodDifference(
        difference_id=difference_id(about, key, what),
        about=about,
        key=key,
        what=what,
        content=content_of(about=about, key=key, what=what, **differs),
        **said,
    )


def _accepted(made: DecisionView | None, each: PeriodDifference) -> Decided | None:
    if made is None or made.action != ACCEPT or made.shown_digest != each.content:
        return None
    if each.next is Next.WAIT:
        return None
    return Decided(
        kind="accepted",
        by=made.by,
        reason=made.reason,
        at=made.at,
        decision_id=made.decision_id,
    )
