"""Comparisons as they were asked for, and the differences that they have found."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canonical_models.failures import Team
from canonical_models.money import Money
from canonical_models.reconciliation import (
    About,
    Cause,
    FoundDifference,
    MonthApart,
    Reconciled,
    Repair,
    Scope,
)
from persistence.comparing import Comparison
from persistence.connection import Connection
from persistence.tables.documents import DIFFERS

_COLUMNS = """
select about, key, what, system, customer_id, subject, legal_entity, number, erp_number, expected,
  found, currency, billing_minor, erp_minor, cause, owner, repair, exception_id, change_id,
  opened_at, seen_at, extract(epoch from clock_timestamp() - opened_at)::float8
from differences f
"""

_WITHIN = """
tenant = %(tenant)s and closed_at is null
and (%(customer)s::text is null or customer_id = %(customer)s)
and (%(entity)s::text is null or legal_entity = %(entity)s)
and (%(from)s::timestamptz is null or issued_at >= %(from)s and issued_at < %(to)s)
"""

_CLOSE = f"""
update differences set closed_at = clock_timestamp()
where {_WITHIN} and seen_at < %(began)s and about = any(%(about)s)
  and (%(system)s::text is null or system = %(system)s) and (what = 'unknown') = %(unknown)s
  and (%(place)s::text is null or legal_entity = %(place)s)
  and (%(nobody)s::bool is null or (customer_id = '') = %(nobody)s)
"""  # noqa: S608 - put together from constants

#: What the record of the document or of the movement itself says is told from there.
_BESIDE = f"""
not (f.about = 'receivable' and f.cause = 'ours')
and not (f.about = 'document' and exists (select from documents d
  where d.tenant = f.tenant and d.document_id = f.key and {DIFFERS}))
"""

_COUNTS = f"""
select about, cause, count(*) from differences where {_WITHIN} group by 1, 2 order by 1, 2
"""  # noqa: S608 - put together from constants

_MONTHS = f"""
select legal_entity, split_part(key, '/', 2), what, currency,
  sum(erp_minor - billing_minor)::bigint, count(*)
from differences where {_WITHIN} and about = 'revenue'
group by 1, 2, 3, 4 order by 1, 2, 3 desc, 4
"""  # noqa: S608 - put together from constants

# The oldest first: each subject once, however much of it differs.
_TO_REPAIR = f"""
select subject, customer_id, repair, about, system,
  array_agg(key order by key)
from differences
where {_WITHIN} and (repair in ('sync', 'publish') and cause = any(%(causes)s)
    or repair = 'tell' and %(may_tell)s)
  and (repaired_at is null or repaired_at < clock_timestamp() - interval '1 hour' or %(again)s)
group by 1, 2, 3, 4, 5 order by min(opened_at) limit %(limit)s
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True)
class ToRepair:
    """Differences of one subject, or of one customer at one target, by their keys."""

    subject: str
    customer_id: str
    repair: Repair
    about: About
    system: str
    keys: tuple[str, ...]


async def begin(conn: Connection, tenant: str, run_id: str, *, by: str, scope: Scope) -> datetime:
    """When it began; of one that has begun before, the same."""
    await conn.execute(
        "insert into reconciliations (id, tenant, asked_by, scope, began_at) "
        "values (%s, %s, %s, %s::jsonb, clock_timestamp()) on conflict do nothing",
        (run_id, tenant, by, scope.model_dump_json()),
    )
    found = await conn.execute(
        "select began_at from reconciliations where id = %s and tenant = %s", (run_id, tenant)
    )
    row = await found.fetchone()
    if row is None:
        raise LookupError(f"reconciliation {run_id} is another tenant's")
    began: datetime = row[0]
    return began


async def end(conn: Connection, tenant: str, run_id: str, result: Reconciled) -> None:
    await conn.execute(
        "update reconciliations set ended_at = clock_timestamp(), result = %s::jsonb "
        "where id = %s and tenant = %s",
        (result.model_dump_json(), run_id, tenant),
    )


async def last(conn: Connection, tenant: str) -> Reconciled | None:
    """What came of the newest comparison that has ended."""
    found = await conn.execute(
        "select result::text from reconciliations where tenant = %s "
        "and ended_at is not null order by began_at desc limit 1",
        (tenant,),
    )
    row = await found.fetchone()
    return None if row is None else Reconciled.model_validate_json(row[0])


async def close(
    conn: Connection,
    of: Comparison,
    about: Collection[About],
    *,
    began: datetime,
    system: str | None = None,
    unknown: bool = False,
    place: str | None = None,
    nobody: bool | None = None,
) -> int:
    """Those that were looked for and not seen any more: how many. `unknown` is what billing never
    issued, which the books of the legal entity `place` were looked through for; `nobody` whether
    only those of no customer were looked for, or only the others."""
    values = {"about": [each.value for each in about], "began": began, "system": system}
    of_place = {"unknown": unknown, "place": place, "nobody": nobody}
    done = await conn.execute(_CLOSE.encode(), {**of.values, **values, **of_place})
    return done.rowcount


async def counts(conn: Connection, of: Comparison) -> tuple[tuple[About, Cause, int], ...]:
    found = await conn.execute(_COUNTS.encode(), of.values)
    return tuple(
        (About(about), Cause(cause), count) for about, cause, count in await found.fetchall()
    )


async def months(conn: Connection, of: Comparison) -> tuple[MonthApart, ...]:
    """Where revenue differs, by legal entity, month and currency."""
    found = await conn.execute(_MONTHS.encode(), of.values)
    return tuple(
        MonthApart(
            legal_entity=entity,
            month=month,
            what=what,
            more=Money(minor=more, currency=currency),
            count=count,
        )
        for entity, month, what, currency, more, count in await found.fetchall()
    )


async def page(
    conn: Connection,
    of: Comparison,
    *,
    owner: str | None = None,
    after: tuple[str, str, str, str] | None = None,
    limit: int = 50,
    beside_documents: bool = False,
) -> tuple[FoundDifference, ...]:
    """Those that are there still, by what they are about; `after` is about, key, what and system of
    the last one seen. With `beside_documents` without those that our record of the document tells
    as well."""
    condition = f"{_WITHIN} and (%(owner)s::text is null or owner = %(owner)s)"
    if beside_documents:
        condition += f" and {_BESIDE}"
    if after is not None:
        condition += " and (about, key, what, system) > (%(about)s, %(key)s, %(what)s, %(system)s)"
    at = dict(zip(("about", "key", "what", "system"), after or (None,) * 4, strict=True))
    found = await conn.execute(
        f"{_COLUMNS} where {condition} order by about, key, what, system limit %(limit)s".encode(),
        {**of.values, "owner": owner, "limit": limit, **at},
    )
    return tuple(_found(row) for row in await found.fetchall())


async def to_repair(
    conn: Connection,
    of: Comparison,
    causes: Collection[Cause],
    *,
    may_tell: bool,
    again: bool,
    limit: int,
) -> tuple[ToRepair, ...]:
    """What a machine can set right: what has one of the causes, and with `may_tell` what billing is
    to be told; what was tried within the hour only `again`."""
    values = {"causes": [each.value for each in causes], "again": again, "limit": limit}
    values["may_tell"] = may_tell
    found = await conn.execute(_TO_REPAIR.encode(), {**of.values, **values})
    return tuple(
        ToRepair(subject, customer, Repair(repair), About(about), system, tuple(keys))
        for subject, customer, repair, about, system, keys in await found.fetchall()
    )


async def repaired(conn: Connection, tenant: str, done: ToRepair) -> None:
    """Its repair was asked for."""
    await conn.execute(
        "update differences set repaired_at = clock_timestamp() where tenant = %s and about = %s "
        "and system = %s and key = any(%s) and repair = %s and closed_at is null",
        (tenant, done.about.value, done.system, list(done.keys), done.repair.value),
    )


async def not_told(conn: Connection, tenant: str, document_id: str, why: str) -> None:
    """Billing could not be told that the document was paid past it: people look at it."""
    await conn.execute(
        "update differences set repair = 'in_erp', found = %s where tenant = %s "
        "and about = 'document' and key = %s and what = 'open' and closed_at is null",
        (why, tenant, document_id),
    )


def _found(row: tuple[Any, ...]) -> FoundDifference:
    currency = row[11]

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor=minor, currency=currency)

    return FoundDifference(
        about=About(row[0]),
        key=row[1],
        what=row[2],
        system=row[3],
        customer_id=row[4],
        subject=row[5],
        legal_entity=row[6],
        number=row[7],
        erp_number=row[8],
        expected=row[9],
        found=row[10],
        billing=money(row[12]),
        erp=money(row[13]),
        cause=Cause(row[14]),
        owner=Team(row[15]),
        repair=Repair(row[16]),
        exception_id=row[17],
        change_id=row[18],
        opened_at=row[19],
        seen_at=row[20],
        age_seconds=row[21],
    )
