"""What the support desk has told of cases, and what was read of an organisation there.

A case is opened by the desk's word or by a reading, and closed by either. A reading closes what it
did not find only where nothing was told since it began. Organisations are compared as the desk
compares them, without regard to case.
"""

from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from canonical_models.base import Canonical, Instant
from canonical_models.entitlement import SupportOrganization
from canonical_models.support import CaseTold, CaseWord, SlaPolicy, SupportCase, SupportDesk
from persistence.connection import Connection

# A word that is older than the end of the case does not open it again.
_ESCALATED = """
insert into support_cases (tenant, case_id, organization, priority, url, escalated_at, told_at)
values (%(tenant)s, %(case)s, %(organization)s, %(priority)s, %(url)s, %(at)s, clock_timestamp())
on conflict (tenant, case_id) do update set
  organization = coalesce(excluded.organization, support_cases.organization),
  priority = coalesce(excluded.priority, support_cases.priority),
  url = coalesce(support_cases.url, excluded.url),
  escalated_at = greatest(support_cases.escalated_at, excluded.escalated_at),
  told_at = excluded.told_at,
  closed_at = case when support_cases.closed_at >= excluded.escalated_at
    then support_cases.closed_at end
"""

# One that is not known is kept as closed: what was told of it before may still be on its way.
_SOLVED = """
insert into support_cases (tenant, case_id, organization, url, told_at, closed_at)
values (%(tenant)s, %(case)s, %(organization)s, %(url)s, clock_timestamp(), %(at)s)
on conflict (tenant, case_id) do update set told_at = excluded.told_at,
  closed_at = case when support_cases.escalated_at > excluded.closed_at
    then support_cases.closed_at else excluded.closed_at end
"""

_READ = """
insert into support_cases (tenant, case_id, organization, status, priority, url, opened_at,
  deadlines, told_at)
select %(tenant)s, found ->> 'case_id', %(organization)s, found ->> 'status', found ->> 'priority',
  found ->> 'url', (found ->> 'opened_at')::timestamptz, found -> 'deadlines', %(at)s
from unnest(%(cases)s::jsonb[]) found order by 2
on conflict (tenant, case_id) do update set organization = excluded.organization,
  status = excluded.status, priority = excluded.priority, url = excluded.url,
  opened_at = excluded.opened_at, deadlines = excluded.deadlines, told_at = excluded.told_at,
  closed_at = null
where support_cases.told_at < excluded.told_at
"""

_GONE = """
update support_cases set closed_at = %(at)s, told_at = %(at)s
where tenant = %(tenant)s and lower(organization) = lower(%(organization)s)
  and closed_at is null and told_at < %(at)s and case_id <> all(%(ids)s)
"""

#: Days for which the end of a case is remembered against words of it that come late.
_FORGET = """
delete from support_cases where tenant = %s and lower(organization) = lower(%s)
  and closed_at < now() - interval '30 days'
"""

_KEEP = """
insert into support_desks as kept (tenant, organization, read_at, complete, shown, sla)
values (%(tenant)s, lower(%(organization)s), %(at)s, %(complete)s, %(shown)s, %(sla)s)
on conflict (tenant, organization) do update set read_at = excluded.read_at,
  complete = excluded.complete, shown = excluded.shown, sla = excluded.sla
where kept.read_at < excluded.read_at
"""

_KEPT = """
select d.read_at, d.complete, d.shown, d.sla, (
  select coalesce(json_agg(json_build_object('case', json_build_object('case_id', c.case_id,
      'status', c.status, 'priority', c.priority, 'opened_at', c.opened_at,
      'deadlines', coalesce(c.deadlines, '[]'), 'url', c.url),
    'escalated_at', c.escalated_at, 'told_at', c.told_at)
    order by c.escalated_at desc nulls last, c.opened_at, c.case_id), '[]')::text
  from support_cases c where c.tenant = %(tenant)s
    and lower(c.organization) = lower(%(organization)s) and c.closed_at is null)
from (select) always left join support_desks d
  on d.tenant = %(tenant)s and d.organization = lower(%(organization)s)
"""


class KeptCase(Canonical):
    """An open case, as the desk last told of it or was read, at `told_at`."""

    case: SupportCase
    escalated_at: Instant | None
    told_at: Instant


class KeptDesk(Canonical):
    """`read_at` None before the organisation was ever read: then `cases` are those that the desk
    has told of alone."""

    cases: tuple[KeptCase, ...]
    read_at: Instant | None = None
    complete: bool = False
    shown: SupportOrganization | None = None
    sla: SlaPolicy | None = None


_CASES = TypeAdapter(tuple[KeptCase, ...])


async def told(conn: Connection, tenant: str, case: CaseTold) -> None:
    """The desk's word of a case; the same again changes nothing."""
    match case.word:
        case CaseWord.ESCALATED:
            statement = _ESCALATED
        case CaseWord.SOLVED:
            statement = _SOLVED
    await conn.execute(
        statement,
        {
            "tenant": tenant,
            "case": case.case_id,
            "organization": case.organization,
            "priority": case.priority,
            "url": case.url,
            "at": case.at,
        },
    )


async def read(
    conn: Connection, tenant: str, organization: str, desk: SupportDesk | None, *, at: datetime
) -> None:
    """What the desk held when it was asked at `at`; None where it knows no such organisation."""
    cases = desk.cases if desk else ()
    values: dict[str, Any] = {
        "tenant": tenant,
        "organization": organization,
        "at": at,
        "cases": [found.model_dump_json(exclude={"subject"}) for found in cases],
        "ids": [found.case_id for found in cases],
        "complete": desk is None or desk.complete,
        "shown": Jsonb(desk.organization.model_dump(mode="json")) if desk else None,
        "sla": Jsonb(desk.sla.model_dump(mode="json")) if desk and desk.sla else None,
    }
    await conn.execute(_READ, values)
    if values["complete"]:
        await conn.execute(_GONE, values)
    await conn.execute(_FORGET, (tenant, organization))
    await conn.execute(_KEEP, values)


async def kept(conn: Connection, tenant: str, organization: str) -> KeptDesk:
    """The open cases, those that were escalated last first, and what was last read."""
    found = await conn.execute(_KEPT, {"tenant": tenant, "organization": organization})
    read_at, complete, shown, sla, cases = await found.fetchone() or (None, None, None, None, "[]")
    return KeptDesk(
        cases=_CASES.validate_json(cases),
        read_at=read_at,
        complete=bool(complete),
        shown=SupportOrganization.model_validate(shown, strict=False) if shown else None,
        sla=SlaPolicy.model_validate(sla, strict=False) if sla else None,
    )
