"""Months of legal entities: which are closed, who is closing one, and the reports that were sealed.

Two who close one month meet at its row: the first has it until it is done, or for LEASE seconds.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.base import Canonical, Instant
from canonical_models.closing import (
    ClosedMonths,
    CloseReport,
    PeriodDifference,
    PeriodState,
    PeriodView,
    Reopened,
)
from persistence.connection import Connection
from persistence.database import Database

#: Seconds for which a month is held for whoever is closing it: longer than the comparison and the
#: ERP's sums of a month take.
LEASE = 600

_STANDING = TypeAdapter(tuple[PeriodDifference, ...])

#: One that was begun and never ended is open again after its lease.
_STATE = "case when state = 'closing' and closing_until < now() then 'open' else state end"

_NOT_OPEN = f"""
select period, {_STATE} from periods
where tenant = %s and legal_entity = %s and state <> 'open'
"""  # noqa: S608 - put together from constants

_BEGIN = """
insert into periods as known (tenant, legal_entity, period, state, by, at, attempt, closing_until)
values (%(tenant)s, %(entity)s, %(period)s, 'closing', %(by)s, now(), %(attempt)s,
  now() + %(lease)s * interval '1 second')
on conflict (tenant, legal_entity, period) do update set state = 'closing', by = excluded.by,
  at = excluded.at, attempt = excluded.attempt, closing_until = excluded.closing_until
where known.state = 'open' or known.state = 'closing' and known.closing_until < now()
returning attempt
"""

_THIS = """
where tenant = %(tenant)s and legal_entity = %(entity)s and period = %(period)s
  and attempt = %(attempt)s and state = 'closing'
"""

_GIVE_UP = f"""
update periods set state = 'open', attempt = null, closing_until = null,
  tried_at = coalesce(%(tried_at)s, tried_at), standing = coalesce(%(standing)s, standing) {_THIS}
"""  # noqa: S608 - put together from constants

_CLOSED = f"""
update periods set state = 'closed', by = %(by)s, at = %(at)s, attempt = null,
  closing_until = null, close_id = %(id)s, version = %(version)s, reopened = null, tried_at = null,
  standing = null {_THIS}
"""  # noqa: S608 - put together from constants

_KEEP = """
insert into closes (id, tenant, legal_entity, period, about, version, first, last, closed_by,
  closed_at, report)
values (%(id)s, %(tenant)s, %(entity)s, %(period)s, %(about)s, %(version)s, %(first)s, %(last)s,
  %(by)s, %(at)s, %(report)s)
"""

_REOPEN = """
update periods set state = 'open', by = %(by)s, at = %(at)s, reopened = %(reopened)s
where tenant = %(tenant)s and legal_entity = %(entity)s and period = %(period)s
  and state = 'closed'
"""

_VIEWS = f"""
select p.legal_entity, p.period, {_STATE}, p.by, p.at, p.version, p.close_id, c.report,
  p.reopened::text, p.tried_at, p.standing::text
from periods p left join closes c on c.id = p.close_id
where p.tenant = %(tenant)s and (%(entity)s::text is null or p.legal_entity = %(entity)s)
  and (%(period)s::text is null or p.period = %(period)s)
  and (%(before)s::text is null or (p.period, p.legal_entity) < (%(before)s, %(beside)s))
order by p.period desc, p.legal_entity desc limit %(limit)s
"""  # noqa: S608 - put together from constants


class Month(Canonical):
    """Which one is meant."""

    tenant: str
    legal_entity: str
    period: str

    @property
    def about(self) -> str:
        """What decisions and the audit trail call it."""
        return f"{self.legal_entity}/{self.period}"

    @property
    def values(self) -> dict[str, Any]:
        return {"tenant": self.tenant, "entity": self.legal_entity, "period": self.period}


class Kept(Canonical):
    """A report as it was sealed: its canonical JSON, and who made it when."""

    close_id: str
    version: int
    closed_by: str
    closed_at: Instant
    report: str

    @property
    def digest(self) -> str:
        """SHA-256 of it, in hex."""
        return hashlib.sha256(self.report.encode()).hexdigest()

    def read(self) -> CloseReport:
        return CloseReport.model_validate_json(self.report)


def closed_months(database: Database, tenant: str) -> ClosedMonths:
    """What an adapter of the tenant's ERP asks before it dates anything."""

    async def look(legal_entity: str) -> Mapping[str, PeriodState]:
        async with database.statement() as conn:
            return await not_open(conn, tenant, legal_entity)

    return look


async def not_open(conn: Connection, tenant: str, legal_entity: str) -> dict[str, PeriodState]:
    """Those that are closed, or being closed, by month."""
    found = await conn.execute(_NOT_OPEN.encode(), (tenant, legal_entity))
    states = {period: PeriodState(state) for period, state in await found.fetchall()}
    return {period: state for period, state in states.items() if state is not PeriodState.OPEN}


async def begin(conn: Connection, month: Month, *, by: str) -> str | None:
    """Whoever closes it from now on, by the name of the attempt; None where it is closed, or
    somebody else is at it."""
    attempt = secrets.token_hex(8)
    values = {**month.values, "by": by, "attempt": attempt, "lease": LEASE}
    row = await (await conn.execute(_BEGIN, values)).fetchone()
    return row[0] if row else None


async def give_up(
    conn: Connection,
    month: Month,
    attempt: str,
    *,
    tried_at: Instant | None = None,
    standing: Sequence[PeriodDifference] | None = None,
) -> None:
    """It is open again; `standing` is what kept it so."""
    said = None if standing is None else Jsonb([_json(each) for each in standing])
    values = {**month.values, "attempt": attempt, "tried_at": tried_at, "standing": said}
    await conn.execute(_GIVE_UP.encode(), values)


async def seal(conn: Connection, month: Month, attempt: str, report: CloseReport) -> str | None:
    """Keep the report, and the month closed by it: its id. None where the attempt is not the one
    that is at it any more; nothing is kept then."""
    close_id = f"cls_{secrets.token_hex(10)}"
    values = {
        **month.values,
        "attempt": attempt,
        "id": close_id,
        "about": month.about,
        "version": report.version,
        "first": report.first,
        "last": report.last,
        "by": report.closed_by,
        "at": report.closed_at,
        "report": report.canonical().decode(),
    }
    if not (await conn.execute(_CLOSED.encode(), values)).rowcount:
        return None
    await conn.execute(_KEEP, values)
    return close_id


async def reopen(conn: Connection, month: Month, reopened: Reopened) -> bool:
    """False where it is not closed."""
    values = {
        **month.values,
        "by": reopened.by,
        "at": reopened.at,
        "reopened": Jsonb(_json(reopened)),
    }
    return (await conn.execute(_REOPEN, values)).rowcount > 0


async def view(conn: Connection, month: Month) -> PeriodView | None:
    found = await page(conn, month.tenant, entity=month.legal_entity, period=month.period, limit=1)
    return found[0] if found else None


async def page(
    conn: Connection,
    tenant: str,
    *,
    entity: str | None = None,
    period: str | None = None,
    before: tuple[str, str] | None = None,
    limit: int = 50,
) -> tuple[PeriodView, ...]:
    """The newest months first; `before` is (period, legal entity) of the last one seen."""
    values = {
        "tenant": tenant,
        "entity": entity,
        "period": period,
        "before": before[0] if before else None,
        "beside": before[1] if before else None,
        "limit": limit,
    }
    found = await conn.execute(_VIEWS.encode(), values)
    return tuple(_view(row) for row in await found.fetchall())


async def report(conn: Connection, month: Month, version: int | None = None) -> Kept | None:
    """The newest, or that of a version."""
    found = await conn.execute(
        "select id, version, closed_by, closed_at, report from closes where tenant = %(tenant)s "
        "and legal_entity = %(entity)s and period = %(period)s "
        "and (%(version)s::int is null or version = %(version)s) order by version desc limit 1",
        {**month.values, "version": version},
    )
    row = await found.fetchone()
    if row is None:
        return None
    names = ("close_id", "version", "closed_by", "closed_at", "report")
    return Kept(**dict(zip(names, row, strict=True)))


def _view(row: tuple[Any, ...]) -> PeriodView:
    sealed = row[7]
    return PeriodView(
        legal_entity=row[0],
        period=row[1],
        state=PeriodState(row[2]),
        by=row[3],
        at=row[4],
        version=row[5],
        close_id=row[6],
        digest=None if sealed is None else hashlib.sha256(sealed.encode()).hexdigest(),
        reopened=None if row[8] is None else Reopened.model_validate_json(row[8]),
        tried_at=row[9],
        standing=() if row[10] is None else _STANDING.validate_json(row[10]),
    )


def _json(said: Canonical) -> dict[str, Any]:
    return said.model_dump(mode="json")
