"""Close a month of a legal entity: compare, refuse while a difference stands that nobody has
decided, and seal what both sides say.

While it is being closed, and after it, nothing of ours is dated into the month: adapters of the ERP
ask for it. So what the report says is what there is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal, NoReturn

from canonical_models.base import Canonical, isoformat
from canonical_models.closing import (
    CloseReport,
    PeriodDifference,
    PeriodState,
    PeriodView,
    Reading,
    Reopened,
)
from canonical_models.decisions import DecisionMade, Target
from canonical_models.reconciliation import Reconciled, Scope
from operations import closing_differences, closing_events, reconciling
from operations.closing_months import (
    Bounds,
    bounds,
    known_month,
    month_called,
    require_entity,
    require_over,
    words_of,
)
from operations.closing_report import Books, Sides, books_of, sides_of
from operations.context import AppContext
from operations.errors import Conflict, NotFound, Unavailable
from operations.paging import Page, cursor, cut, words
from persistence import closing, closing_figures, decisions
from persistence.closing import Kept, Month
from persistence.connection import Connection

CLOSE, REOPEN = "close", "reopen"
#: So often a comparison that goes on is waited for, and one that began too early is begun anew.
_COMPARISONS = 4


class Closed(Canonical):
    """`refused` where differences stand, or writes are under way, that keep the month open: each of
    `standing` says what is done about it, `in_flight` is to be waited for. `unchanged` where it was
    closed already and still says the same."""

    outcome: Literal["closed", "unchanged", "refused"]
    period: PeriodView
    report: CloseReport | None
    standing: tuple[PeriodDifference, ...] = ()
    in_flight: tuple[str, ...] = ()


async def close(
    context: AppContext, tenant: str, legal_entity: str, period: str, *, by: str, note: str = ""
) -> Closed:
    """Who asks again for what is closed gets the same report. Raises Invalid for what cannot be
    closed; Conflict while somebody else closes it, or where it is closed and is not what was sealed
    any more; Unavailable where a side could not be read."""
    of = bounds(context, tenant, legal_entity, period)
    async with context.database.transaction() as conn:
        await require_entity(context, conn, of.month)
        known = await closing.view(conn, of.month)
    require_over(context, of)
    if known is not None and known.state is PeriodState.CLOSED:
        return await _still_so(context, of, known, by=by)
    async with _held(context, of.month, by) as attempt:
        read, books = await _read(context, of, by=by)
        async with context.database.transaction() as conn:
            in_flight = await closing_figures.in_flight(conn, of.days, of.to)
            report = await _report(context, conn, of, (read, books), by=by, note=note)
            standing = tuple(each for each in report.differences if each.decided is None)
            if standing or in_flight:
                await closing.give_up(
                    conn, of.month, attempt, tried_at=report.closed_at, standing=standing
                )
            else:
                await _seal(context, conn, of.month, attempt, report)
            view = await closing.view(conn, of.month)
    if view is None:
        raise AssertionError(f"{of.month.about} has a row since it was begun")
    if standing or in_flight:
        return Closed(
            outcome="refused", period=view, report=None, standing=standing, in_flight=in_flight
        )
    return Closed(outcome="closed", period=view, report=report)


def refusal(of: Closed) -> Conflict:
    """Of what was refused, for who asked to close it; what stands is among its facts."""
    period = f"{of.period.legal_entity} {of.period.period}"
    count, under_way = len(of.standing), len(of.in_flight)
    why = []
    if count:
        why.append(f"{count} differences stand that nobody has decided")
    if under_way:
        why.append(f"{under_way} writes to its books are under way: {', '.join(of.in_flight[:3])}")
    return Conflict(
        f"{period} is not closed: {' and '.join(why)}",
        remedy="wait for what is under way, have the others set right, or accept each with a "
        "reason; then close it again",
        see=("period", f"{of.period.legal_entity} {of.period.period}"),
        facts={"standing": [each.model_dump(mode="json") for each in of.standing]},
    )


async def reopen(
    context: AppContext, tenant: str, legal_entity: str, period: str, reason: str, *, by: str
) -> PeriodView:
    """From now on documents may be dated into it again; its report is kept. Raises Conflict where
    it is not closed, NotFound where nobody ever closed it."""
    month = month_called(tenant, legal_entity, period)
    why = words_of(reason, f"reopening {month.about}")
    said = Reopened(by=by, at=datetime.now(UTC), reason=why)
    async with context.database.transaction() as conn:
        done = await closing.reopen(conn, month, said)
        view = await known_month(conn, month)
        if not done:
            raise Conflict(
                f"{legal_entity} {period} is {view.state.value}, and was not closed to be reopened",
                remedy="see where it stands",
                see=("period", f"{legal_entity} {period}"),
            )
        decided = DecisionMade(
            by=by,
            action=REOPEN,
            target_kind=Target.PERIOD,
            target_id=month.about,
            before={"close_id": view.close_id, "version": view.version},
            reason=why,
        )
        await decisions.record(conn, tenant, context.entrance, decided)
        await closing_events.reopened(conn, month, view, said)
    return view


async def list_(
    context: AppContext,
    tenant: str,
    *,
    legal_entity: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[PeriodView]:
    """The newest months first; only those that somebody has begun to close."""
    place = words(after, 2)
    async with context.database.statement() as conn:
        found = await closing.page(
            conn,
            tenant,
            entity=legal_entity,
            before=(place[0], place[1]) if place else None,
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].period, items[-1].legal_entity) if more else None
    return Page[PeriodView](items=tuple(items), next=following)


async def show(context: AppContext, tenant: str, legal_entity: str, period: str) -> PeriodView:
    """Raises NotFound before anybody has begun to close it."""
    async with context.database.statement() as conn:
        return await known_month(conn, month_called(tenant, legal_entity, period))


async def report(
    context: AppContext, tenant: str, legal_entity: str, period: str, version: int | None = None
) -> Kept:
    """As it was sealed: the newest, or that of a version. Raises NotFound."""
    async with context.database.statement() as conn:
        found = await closing.report(conn, month_called(tenant, legal_entity, period), version)
    if found is None:
        which = "report" if version is None else f"report of version {version}"
        raise NotFound(
            f"there is no {which} of {legal_entity} {period}",
            remedy="see where it stands, and close it",
            see=("period", f"{legal_entity} {period}"),
        )
    return found


@asynccontextmanager
async def _held(context: AppContext, month: Month, by: str) -> AsyncIterator[str]:
    """The month is being closed by us; whatever goes wrong, it is open afterwards."""
    async with context.database.transaction() as conn:
        attempt = await closing.begin(conn, month, by=by)
        known = None if attempt is not None else await closing.view(conn, month)
    if attempt is None:
        _taken(month, known)
    try:
        yield attempt
    except BaseException:
        async with context.database.transaction() as conn:
            await closing.give_up(conn, month, attempt)
        raise


def _taken(month: Month, known: PeriodView | None) -> NoReturn:
    """Somebody else was first."""
    who = f"{known.by} since {isoformat(known.at)}" if known else "somebody else"
    done = known is not None and known.state is PeriodState.CLOSED
    raise Conflict(
        f"{month.legal_entity} {month.period} "
        + (f"was closed by {who}" if done else f"is being closed by {who}"),
        remedy="look at what has come of it",
        see=("period", f"{month.legal_entity} {month.period}"),
    )


async def _seal(
    context: AppContext, conn: Connection, month: Month, attempt: str, report: CloseReport
) -> None:
    close_id = await closing.seal(conn, month, attempt, report)
    if close_id is None:
        _taken(month, await closing.view(conn, month))
    decided = DecisionMade(
        by=report.closed_by,
        action=CLOSE,
        target_kind=Target.PERIOD,
        target_id=month.about,
        before={"close_id": report.before} if report.before else None,
        after={"close_id": close_id, "version": report.version, "digest": report.digest},
        reason=report.note,
    )
    await decisions.record(conn, month.tenant, context.entrance, decided)
    await closing_events.closed(conn, month, close_id, report)


async def _still_so(context: AppContext, of: Bounds, known: PeriodView, *, by: str) -> Closed:
    """It is closed: whether both sides still say what was sealed."""
    async with context.database.statement() as conn:
        kept = await closing.report(conn, of.month)
    if kept is None:
        raise AssertionError(f"{of.month.about} is closed by a report")
    sealed = kept.read()
    read = await _read(context, of, by=by)
    async with context.database.transaction() as conn:
        now = await _report(context, conn, of, read, by=by, note="")
    if now.substance == sealed.substance:
        return Closed(outcome="unchanged", period=known, report=sealed)
    standing = tuple(each for each in now.differences if each.decided is None)
    changed = ", ".join(_changed(sealed, now))
    raise Conflict(
        f"{known.legal_entity} {known.period} was closed as version {known.version} by "
        f"{known.by}, and is not what was sealed any more: {changed}",
        remedy="reopen it with a reason, see to what has changed, and close it again",
        see=("period", f"{known.legal_entity} {known.period}"),
        facts={"standing": [each.model_dump(mode="json") for each in standing]},
    )


def _changed(sealed: CloseReport, now: CloseReport) -> list[str]:
    """Which parts say something else, in words."""
    parts = {
        "the sums by currency": (sealed.currencies, now.currencies),
        "the sums by account": (sealed.accounts, now.accounts),
        "the general ledger": (sealed.ledger, now.ledger),
        "the sums by tax code": (sealed.taxes, now.taxes),
        "what was booked late": (sealed.late, now.late),
        "what was booked in a later month": (sealed.moved, now.moved),
        "what was taken back": (sealed.reversals, now.reversals),
        "what is in no books": (sealed.unbooked, now.unbooked),
        "the differences": (sealed.differences, now.differences),
        "what was not compared": (sealed.read.not_compared, now.read.not_compared),
    }
    return [name for name, (was, is_) in parts.items() if was != is_] or ["its days or policy"]


async def _read(context: AppContext, of: Bounds, *, by: str) -> tuple[Reconciled, Books]:
    """A comparison of the month that began from now on, and then the ERP's own sums."""
    read = await _compared(context, of, by=by)
    erp = context.erp(of.month.tenant)
    if erp is None:
        raise Unavailable(
            f"tenant {of.month.tenant} has no ERP to read the books of",
            remedy="name its ERP in the settings",
        )
    try:
        return read, await books_of(erp, of.days)
    finally:
        await erp.close()


async def _compared(context: AppContext, of: Bounds, *, by: str) -> Reconciled:
    month = of.month
    scope = Scope(legal_entity=month.legal_entity, period=month.period)
    async with context.database.statement() as conn:
        since = await closing_figures.now(conn)
    unread: Reconciled | None = None
    for _ in range(_COMPARISONS):
        run = await reconciling.run(context, month.tenant, scope, by=by)
        result = run.result
        # Who asks while the same is being done gets that one, which may have begun before.
        if result is None or result.began_at is None or result.began_at < since:
            continue
        async with context.database.statement() as conn:
            if await closing_figures.read_since(conn, of.days, result.began_at):
                return result
        # A reading that was broken off before counts from when it began: the next is a new one.
        if unread is not None:
            break
        unread = result
    if unread is not None:
        raise Unavailable(
            f"{month.legal_entity} {month.period} was not compared: "
            + "; ".join(unread.not_compared),
            remedy="see which system does not answer, and close the month again",
            see=("connection", "erp"),
        )
    raise Unavailable(
        f"the comparison of {month.legal_entity} {month.period} goes on and is not done yet",
        remedy="see that a worker runs, and close the month again once it is done",
        see=("reconcile", ""),
    )


async def _report(
    context: AppContext,
    conn: Connection,
    of: Bounds,
    read: tuple[Reconciled, Books],
    *,
    by: str,
    note: str,
) -> CloseReport:
    result, books = read
    known = await closing.view(conn, of.month)
    if known is None or result.began_at is None:
        raise AssertionError(f"{of.month.about} is compared and has a row")
    ours = await closing_figures.summed(conn, of.days)
    sides: Sides = sides_of(ours, books, closed_period=of.closed_period)
    listed = await closing_differences.of_month(context, conn, of.month, from_=of.from_, to=of.to)
    totals = closing_differences.of_totals(sides.currencies, sides.apart, listed)
    listed += await closing_differences.judged(conn, of.month.tenant, totals)
    moved = books.ledger
    return CloseReport(
        tenant=of.month.tenant,
        legal_entity=of.month.legal_entity,
        period=of.month.period,
        zone=of.days.zone,
        first=of.days.first,
        last=of.days.last,
        version=known.version + 1,
        before=known.close_id,
        reopened=known.reopened,
        closed_by=by,
        closed_at=datetime.now(UTC),
        note=note,
        closed_period=of.closed_period,
        read=Reading(
            run_id=result.run_id,
            began_at=result.began_at,
            books_at=books.at,
            facts=result.facts,
            not_compared=result.not_compared,
        ),
        books_currency=moved[0].debit.currency if moved else None,
        currencies=sides.currencies,
        accounts=sides.accounts,
        ledger=moved,
        taxes=sides.taxes,
        late=sides.lists["late"],
        moved=sides.lists["moved"],
        reversals=sides.lists["reversals"],
        unbooked=sides.lists["unbooked"],
        differences=listed,
    )
