"""The numbers by which the process is judged, each defined once: what it counts, what was promised
of it, and how much of the budget for what goes wrong is used up.

Command line, API, metrics and pages read them here. Each is of one tenant, which says in
`policy.numbers` what is promised.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from canonical_models.base import Canonical, Instant
from canonical_models.policy import NumbersPolicy, Promise
from operations.context import AppContext
from persistence import numbers
from persistence.connection import Connection
from persistence.numbers import DayCounted, Measured, Number

__all__ = [
    "DEFINITIONS",
    "WINDOWS",
    "Day",
    "Definition",
    "History",
    "Measure",
    "Number",
    "NumberView",
    "Numbers",
    "Window",
    "breaking",
    "history",
    "look",
    "measure_of",
    "over",
    "promised",
]

Window = Literal["30d", "1h"]

#: Long enough for a promise, and short enough to notice that it is being broken.
WINDOWS: dict[Window, timedelta] = {"30d": timedelta(days=30), "1h": timedelta(hours=1)}


@dataclass(frozen=True)
class Definition:
    """`unit` is what is counted. Where it is a time, `means` says from when to when."""

    title: str
    unit: str
    means: str


DEFINITIONS = {
    Number.POSTING: Definition(
        "Subscription to ERP posting time",
        "documents",
        "from the webhook to the confirmed document in the ERP; a change whose books wait for a "
        "person counts as one that is not done",
    ),
    Number.ACTIVATION: Definition(
        "Entitlement activation latency",
        "changes of access",
        "from the webhook to when entitlements say what billing says; what waits for a person, and "
        "a customer of whom a target has not confirmed the newest, count as not done",
    ),
    Number.MAPPINGS: Definition(
        "Failed account mappings",
        "customers",
        "customers who were mapped to the ERP or asked about; within are those for whom no person "
        "was asked",
    ),
    Number.INVOICES: Definition(
        "Invoice synchronisation success",
        "documents",
        "final documents of billing, from the cutover on and older than the target; within are "
        "those of which the ERP says the same, void ones that it does not have included. What a "
        "person has put on hold is left out",
    ),
    Number.FRESHNESS: Definition(
        "Support context freshness",
        "changes of support",
        "from the webhook to when the support platform shows what follows from it: how long it has "
        "shown what was before; what waits for a person, or was not taken by the platform, counts "
        "as not done",
    ),
    Number.REPLAYS: Definition(
        "Replay volume",
        "webhooks",
        "webhooks that were read; within are those that were read once, the others were replayed",
    ),
    Number.RESOLUTION: Definition(
        "Exception resolution time",
        "exceptions",
        "from when a person is asked to the answer; without a target each has the deadline of its "
        "team",
    ),
    Number.RENEWALS: Definition(
        "Renewal lag",
        "renewals",
        "from when billing renewed to when all systems agree; a contract whose renewal is due and "
        "not agreed counts as not done",
    ),
}


class Measure(Canonical):
    """Over the last `window`: of `cases`, `within` is the share that kept the promise, and `burn`
    how much of what may go wrong did, 1 being all of it. `open` are late and not done. All that
    follows from cases is None where there are none: unknown, not nought. Times in seconds."""

    window: Window
    cases: int
    missed: int
    open: int
    median: float | None
    p95: float | None
    within: float | None
    burn: float | None


class NumberView(Canonical):
    """`unit` is what is counted, `means` what of it. `target` in seconds, None where the number is
    no time, or each case has a deadline of its own; `objective` is the share that is promised."""

    number: Number
    title: str
    means: str
    unit: str
    target: float | None
    objective: float
    measures: tuple[Measure, ...]


class Numbers(Canonical):
    as_of: Instant
    items: tuple[NumberView, ...]


async def look(context: AppContext, tenant: str) -> Numbers:
    """All of them, over all windows."""
    async with context.database.transaction() as conn:
        promises = promised(context, tenant)
        told = await numbers.measures(conn, tenant, _seconds(promises), tuple(WINDOWS.values()))
    measured = {
        window: {n: measure_of(window, each[n], promise) for n, promise in promises.items()}
        for window, each in zip(WINDOWS, told, strict=True)
    }
    return Numbers(
        as_of=datetime.now(UTC),
        items=tuple(
            NumberView(
                number=number,
                title=defined.title,
                means=defined.means,
                unit=defined.unit,
                target=promises[number].seconds,
                objective=promises[number].objective,
                measures=tuple(each[number] for each in measured.values()),
            )
            for number, defined in DEFINITIONS.items()
        ),
    )


class Day(Canonical):
    """Of what was judged in 24 hours that ended at `until`; `within` is None where nothing was."""

    until: Instant
    cases: int
    missed: int
    within: float | None


class History(Canonical):
    """One number day by day, the oldest first. `used` is how much of the budget of all of them is
    used up, 1 being all of it; None where there was no case."""

    number: Number
    title: str
    means: str
    unit: str
    target: float | None
    objective: float
    days: tuple[Day, ...]
    used: float | None


async def history(context: AppContext, tenant: str, number: Number, *, days: int) -> History:
    """Up to now; of so many days."""
    promises, defined = promised(context, tenant), DEFINITIONS[number]
    promise = promises[number]
    async with context.database.statement() as conn:
        found = await numbers.daily(conn, tenant, {number: promise.seconds}, days=days)
    told = _days(found[number], days, datetime.now(UTC))
    cases, missed = sum(day.cases for day in told), sum(day.missed for day in told)
    within = (cases - missed) / cases if cases else None
    return History(
        number=number,
        title=defined.title,
        means=defined.means,
        unit=defined.unit,
        target=promise.seconds,
        objective=promise.objective,
        days=told,
        used=_burn(within, promise),
    )


async def trends(
    context: AppContext, tenant: str, *, days: int = 30
) -> dict[Number, tuple[Day, ...]]:
    """All numbers day by day, the oldest first."""
    promises = promised(context, tenant)
    async with context.database.statement() as conn:
        found = await numbers.daily(conn, tenant, _seconds(promises), days=days)
    now = datetime.now(UTC)
    return {number: _days(each, days, now) for number, each in found.items()}


def _days(found: tuple[DayCounted, ...], days: int, now: datetime) -> tuple[Day, ...]:
    """Each of them, the oldest first; of one on which nothing was judged it is not known."""
    counted = {each.day: each for each in found}
    told = []
    for day in reversed(range(days)):
        each = counted.get(day, DayCounted(day, 0, 0))
        within = each.good / each.cases if each.cases else None
        until = now - timedelta(days=day)
        told.append(
            Day(until=until, cases=each.cases, missed=each.cases - each.good, within=within)
        )
    return tuple(told)


def _seconds(promises: Mapping[Number, Promise]) -> dict[Number, float | None]:
    return {number: promise.seconds for number, promise in promises.items()}


async def over(
    context: AppContext, conn: Connection, tenant: str, window: Window
) -> dict[Number, Measure]:
    found = {}
    for number, promise in promised(context, tenant).items():
        measured = await numbers.measure(
            conn, tenant, number, seconds=promise.seconds, window=WINDOWS[window]
        )
        found[number] = measure_of(window, measured, promise)
    return found


def promised(context: AppContext, tenant: str) -> dict[Number, Promise]:
    """What the tenant's policy says of each; the defaults where it is not configured here."""
    settings = context.tenants.get(tenant)
    policy = settings.policy.numbers if settings else NumbersPolicy()
    return {number: getattr(policy, number.value) for number in Number}


def measure_of(window: Window, measured: Measured, promise: Promise) -> Measure:
    within = measured.good / measured.cases if measured.cases else None
    return Measure(
        window=window,
        cases=measured.cases,
        missed=measured.cases - measured.good,
        open=measured.open,
        median=measured.median,
        p95=measured.p95,
        within=within,
        burn=_burn(within, promise),
    )


def _burn(within: float | None, promise: Promise) -> float | None:
    return None if within is None else (1 - within) / (1 - promise.objective)


def breaking(found: Collection[NumberView]) -> tuple[NumberView, ...]:
    """Those that have used up their budget over the longest window."""
    return tuple(one for one in found if (one.measures[0].burn or 0) > 1)
