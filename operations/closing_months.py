"""Which months can be closed, and what days they have."""

from dataclasses import dataclass
from datetime import UTC, datetime
from re import fullmatch

from canonical_models.closing import MONTH, PeriodView
from canonical_models.reconciliation import Scope
from operations.context import AppContext
from operations.errors import Invalid, NotFound, Unavailable
from persistence import closing, documents, mappings
from persistence.closing import Month
from persistence.closing_figures import Days
from persistence.connection import Connection
from planning.term import local_day


@dataclass(frozen=True)
class Bounds:
    """A month of a legal entity, and its policy for what comes late."""

    month: Month
    days: Days
    from_: datetime
    to: datetime
    closed_period: str


def bounds(context: AppContext, tenant: str, legal_entity: str, period: str) -> Bounds:
    """Raises Invalid for what is no month, Unavailable where the tenant is not configured."""
    month = month_called(tenant, legal_entity, period)
    settings = context.tenants.get(tenant)
    if settings is None:
        raise Unavailable(
            f"tenant {tenant} is not configured here", remedy="name it in the settings"
        )
    books = settings.policy.books.of(legal_entity)
    zone = books.time_zone or settings.policy.time_zone or "UTC"
    from_, to = Scope(period=period).bounds(zone)
    if from_ is None or to is None:
        raise AssertionError("a month has bounds")
    last = datetime.fromordinal(to.date().toordinal() - 1).date()
    days = Days(tenant, legal_entity, zone, from_.date(), last)
    return Bounds(month, days, from_, to, books.closed_period)


async def require_entity(context: AppContext, conn: Connection, month: Month) -> None:
    """Raises NotFound for a legal entity that keeps no customer's books."""
    tenant, policy = month.tenant, context.tenants[month.tenant].policy
    there_are = {
        *await documents.legal_entities(conn, tenant),
        *await mappings.legal_entities(conn, tenant),
        *policy.books.entities,
    }
    if month.legal_entity not in there_are:
        there = f"; there is {', '.join(sorted(there_are))}" if there_are else ""
        raise NotFound(
            f"no customer's books are kept in a legal entity {month.legal_entity}{there}",
            remedy="name one that customers are mapped to",
            see=("customers", ""),
        )


def require_over(context: AppContext, of: Bounds) -> None:
    """Raises Invalid for a month that is not over, or lies before the cutover."""
    name, last = f"{of.month.legal_entity} {of.month.period}", of.days.last
    if local_day(datetime.now(UTC), of.days.zone) <= last:
        raise Invalid(
            f"{name} is not over: its last day is {last}",
            remedy="close it once it is over",
        )
    cutover = context.cutover(of.month.tenant)
    if cutover >= of.to:
        raise Invalid(
            f"{name} lies before the cutover on {local_day(cutover, of.days.zone)}: it is the "
            "process before that has booked it",
            remedy="close months from the cutover on",
        )


def month_called(tenant: str, legal_entity: str, period: str) -> Month:
    """Raises Invalid."""
    if fullmatch(MONTH, period) is None:
        raise Invalid(f"{period!r} is no month", remedy="write it as 2027-01")
    return Month(tenant=tenant, legal_entity=legal_entity, period=period)


async def known_month(conn: Connection, month: Month) -> PeriodView:
    """Raises NotFound where nobody has begun to close it."""
    found = await closing.view(conn, month)
    if found is None:
        raise NotFound(
            f"nobody has closed {month.legal_entity} {month.period} yet",
            remedy="close it, or look at another month",
            see=("periods", ""),
        )
    return found


def words_of(reason: str, what: str) -> str:
    """Raises Invalid for a reason that says nothing."""
    said = reason.strip()
    if not said:
        raise Invalid(f"{what} needs a reason", remedy="say why: it is sealed with it")
    return said
