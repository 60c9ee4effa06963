"""What of billing's documents was booked in a month, as the effect ledger and their records say.

An entry is a document that was posted, or what took one back, with the day of the books that the
ERP has confirmed. Its amounts are billing's own; which account and tax code they went to is what
was confirmed when it was posted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from canonical_models.closing import Figures
from canonical_models.money import Money
from persistence.connection import Connection

_ENTRIES = """
with posted as materialized (
  select f.key, f.result, f.undo_result, f.state, right(f.key, 5) = '/void' as void,
    split_part(substr(f.key, length('document:' || f.tenant || '/') + 1), '/', 1) as document_id
  from effects f where f.tenant = %(tenant)s and f.system = 'erp' and f.place = %(entity)s
    and starts_with(f.key, 'document:') and f.state in ('confirmed', 'compensated')
    -- What was written is booked on no day that lies further ahead: older rows are not opened.
    and (f.confirmed_at >= %(first)s::date - 62 or f.compensated_at >= %(first)s::date - 62)
    and f.result is not null),
made as (
  select document_id, 1 as sign, result as erp, result as said from posted where not void
  union all
  select document_id, -1, undo_result, result from posted
  where not void and state = 'compensated' and undo_result ->> 'posting_date' is not null
  union all
  select v.document_id, -1, v.result, coalesce(o.result, d.posted)
  from posted v left join effects o on o.key = left(v.key, -5)
  left join documents d on d.tenant = %(tenant)s and d.document_id = v.document_id
  where v.void
  union all
  -- Made by hand, and linked.
  select d.document_id, 1, d.posted, d.posted from documents d
  where d.tenant = %(tenant)s and d.legal_entity = %(entity)s and d.linked_by is not null
    and d.state in ('posted', 'reversed')),
entries as (
  select m.sign, m.erp, m.said, (m.erp ->> 'posting_date')::date as booked_on, d.document_id,
    d.number, d.currency, (d.issued_at at time zone %(zone)s)::date as issued_on, d.hold,
    d.correction, d.status, (d.document #>> '{net,minor}')::bigint as net, d.tax_minor as tax,
    d.gross_minor as gross
  from made m join documents d on d.tenant = %(tenant)s and d.document_id = m.document_id)
"""

_BOOKED = f"""{_ENTRIES}
select currency, count(*), sum(sign * net)::bigint, sum(sign * tax)::bigint from entries
where booked_on between %(first)s and %(last)s group by 1 order by 1
"""  # noqa: S608 - put together from constants

_ACCOUNTS = f"""{_ENTRIES}
select currency, line ->> 'account', sum(sign * (line #>> '{{net,minor}}')::bigint)::bigint
from entries, jsonb_array_elements(said -> 'lines') as line
where booked_on between %(first)s and %(last)s group by 1, 2 order by 1, 2
"""  # noqa: S608 - put together from constants

_TAXES = f"""{_ENTRIES}
select currency, tax_row ->> 'code', sum(sign * (tax_row #>> '{{base,minor}}')::bigint)::bigint,
  sum(sign * (tax_row #>> '{{amount,minor}}')::bigint)::bigint
from entries, jsonb_array_elements(said -> 'taxes') as tax_row
where booked_on between %(first)s and %(last)s group by 1, 2 order by 1, 2
"""  # noqa: S608 - put together from constants

_MADE_BY_HAND = f"""{_ENTRIES}
select distinct erp ->> 'document_id' from entries where erp ->> 'ours' = 'false'
"""  # noqa: S608 - put together from constants

_LISTED = f"""{_ENTRIES}
select case when sign < 0 then 'reversals' when issued_on < %(first)s then 'late' else 'moved' end,
  document_id, number, erp ->> 'number', issued_on, booked_on, sign * gross, currency,
  (status = 'void'), hold ->> 'reason', hold ->> 'by', correction ->> 'posting_date',
  correction ->> 'by'
from entries where booked_on between %(first)s and %(last)s and (sign < 0 or issued_on < %(first)s)
  or sign > 0 and booked_on > %(last)s and issued_on between %(first)s and %(last)s
order by issued_on, document_id, sign desc
"""  # noqa: S608 - put together from constants

_OF_ENTITY = """
from documents d
left join lateral (select target ->> 'legal_entity' as entity from mappings m
  where m.tenant = d.tenant and m.kind = 'account' and m.source = d.customer_id
    and m.valid_from <= now() and (m.valid_to is null or m.valid_to > now()) limit 1) mapped on true
where d.tenant = %(tenant)s and d.state <> 'before_cutover'
  and coalesce(d.legal_entity, mapped.entity) = %(entity)s
  and (d.issued_at at time zone %(zone)s)::date between %(first)s and %(last)s
  and d.issued_at >= %(first)s::date - 2 and d.issued_at < %(last)s::date + 3
"""

_ISSUED = f"""
select d.currency, count(*), sum((d.document #>> '{{net,minor}}')::bigint)::bigint,
  sum(d.tax_minor)::bigint
{_OF_ENTITY} and (d.status <> 'void' or d.posted is not null) group by 1 order by 1
"""

_UNBOOKED = f"""
select 'unbooked', d.document_id, d.number, null, (d.issued_at at time zone %(zone)s)::date, null,
  d.gross_minor, d.currency, false, d.hold ->> 'reason', d.hold ->> 'by', null, null
{_OF_ENTITY} and d.state = 'seen' and d.status <> 'void' order by d.issued_at, d.document_id
"""

# A document is never booked before it was issued, nor money before it moved.
_IN_FLIGHT = """
select f.operation, coalesce(f.vendor_reference, f.key) from effects f
where f.tenant = %(tenant)s and f.system = 'erp' and f.place = %(entity)s
  and f.state in ('attempting', 'uncertain') and case
    when starts_with(f.key, 'document:') then exists (select from documents d
      where d.tenant = f.tenant and d.issued_at < %(to)s and d.document_id = split_part(
        substr(f.key, length('document:' || f.tenant || '/') + 1), '/', 1))
    when exists (select from settlements s where s.effect_key = f.key)
      then exists (select from settlements s where s.effect_key = f.key and s.at < %(to)s)
    else true end
order by f.created_at limit 20
"""

#: Whether billing and the books of the entity were both read to their ends since.
_READ = """
select count(*) = 2 from fact_reads where tenant = %(tenant)s and began_at >= %(since)s
  and (system, place) in (('billing', ''), ('erp', %(entity)s))
"""


@dataclass(frozen=True)
class Days:
    """The days of a month of a legal entity, in its zone."""

    tenant: str
    legal_entity: str
    zone: str
    first: date
    last: date

    @property
    def values(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant,
            "entity": self.legal_entity,
            "zone": self.zone,
            "first": self.first,
            "last": self.last,
        }


@dataclass(frozen=True)
class Listed:
    """One of `late`, `moved`, `reversals` and `unbooked` (`of`), with what was decided of it."""

    of: str
    document_id: str
    number: str | None
    erp_number: str | None
    issued_on: date
    booked_on: date | None
    gross: Money
    void: bool
    reason: str | None
    by: str | None
    given_day: date | None
    given_by: str | None


@dataclass(frozen=True)
class Summed:
    """`accounts` are nets by (currency, account), `taxes` base and amount by (currency, code).
    `by_hand` are the ERP's ids of documents that people made there and that count as ours."""

    issued: dict[str, Figures]
    booked: dict[str, Figures]
    accounts: dict[tuple[str, str | None], Money]
    taxes: dict[tuple[str, str | None], tuple[Money, Money]]
    by_hand: frozenset[str]
    listed: tuple[Listed, ...]


async def summed(conn: Connection, days: Days) -> Summed:
    """All of the month, in one transaction with whatever else is read of it."""
    # As long as the ledger is, and once a month: without the usual bound on a statement.
    await conn.execute("set local statement_timeout = 0")
    rows = [
        await _rows(conn, query, days)
        for query in (_ISSUED, _BOOKED, _ACCOUNTS, _TAXES, _MADE_BY_HAND, _LISTED, _UNBOOKED)
    ]
    issued, booked, accounts, taxes, by_hand, listed, unbooked = rows
    return Summed(
        issued=_figures(issued),
        booked=_figures(booked),
        accounts={
            (currency, account): Money(minor=net, currency=currency)
            for currency, account, net in accounts
        },
        taxes={
            (currency, code): (
                Money(minor=base, currency=currency),
                Money(minor=amount, currency=currency),
            )
            for currency, code, base, amount in taxes
        },
        by_hand=frozenset(key for (key,) in by_hand),
        listed=tuple(_listed(row) for row in (*listed, *unbooked)),
    )


async def in_flight(conn: Connection, days: Days, to: datetime) -> tuple[str, ...]:
    """Writes that are under way, or have no answer yet, and may be dated before `to`, in words."""
    found = await conn.execute(_IN_FLIGHT, {**days.values, "to": to})
    return tuple(f"{operation}, {named}" for operation, named in await found.fetchall())


async def now(conn: Connection) -> datetime:
    """By the database's clock, which comparisons are dated by."""
    row = await (await conn.execute("select clock_timestamp()")).fetchone()
    if row is None:
        raise AssertionError("a clock answers")
    at: datetime = row[0]
    return at


async def read_since(conn: Connection, days: Days, since: datetime) -> bool:
    """Whether billing and the entity's books were read whole by a comparison that began then."""
    found = await conn.execute(_READ, {**days.values, "since": since})
    row = await found.fetchone()
    return bool(row and row[0])


async def _rows(conn: Connection, query: str, days: Days) -> Sequence[tuple[Any, ...]]:
    return await (await conn.execute(query.encode(), days.values)).fetchall()


def _figures(rows: Sequence[tuple[Any, ...]]) -> dict[str, Figures]:
    return {
        currency: Figures(
            count=count,
            net=Money(minor=net, currency=currency),
            tax=Money(minor=tax, currency=currency),
        )
        for currency, count, net, tax in rows
    }


def _listed(row: tuple[Any, ...]) -> Listed:
    given = row[11]
    return Listed(
        of=row[0],
        document_id=row[1],
        number=row[2],
        erp_number=row[3],
        issued_on=row[4],
        booked_on=row[5],
        gross=Money(minor=row[6], currency=row[7]),
        void=row[8],
        reason=row[9],
        by=row[10],
        given_day=None if given is None else date.fromisoformat(given),
        given_by=row[12],
    )
