"""Why billing and the ERP do not say the same, and what no document shows of it.

Questions that people ask; nothing a saga depends on.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from canonical_models.documents import Unbilled
from canonical_models.money import Money
from persistence.connection import Connection

_WORDS = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class Pending:
    """What billing had not billed of a subscription when its newest change was planned, and what
    kept the ERP from showing it."""

    unbilled: Unbilled
    problem: str | None
    change_id: str


@dataclass(frozen=True, slots=True)
class Debt:
    """What refunds and disputes left owing that no document shows. `about` is the document that
    they are about, or the movement itself; `entered` is what of `owed` the ERP has."""

    about: str
    customer_id: str
    subject: str
    owed: Money
    entered: Money
    legal_entity: str | None
    since: datetime
    movements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BalanceApart:
    """Movements of a customer's balance that the ERP does not have. `missing` is positive where
    the ERP keeps less to the customer's credit than billing; `balance` is billing's, None where it
    was never read."""

    customer_id: str
    subject: str
    missing: Money
    balance: Money | None
    since: datetime
    movements: tuple[str, ...]


_AT_WORK = """
select subject, (array_agg(id order by seq))[1] from changes
where tenant = %(tenant)s and subject = any(%(subjects)s) and state <> 'settled' group by subject
"""

_LEFT_OUT = """
select newest.left_out from unnest(%(subjects)s::text[]) as asked (subject), lateral (
  select (c.plan #> '{books,left_out}')::text as left_out from changes c
  where c.tenant = %(tenant)s and c.subject = asked.subject and c.plan is not null
  order by c.seq desc limit 1) newest
where newest.left_out is not null
"""

_PENDING = """
select (snapshot -> 'unbilled')::text, plan #>> '{books,unbilled_problem}', id from changes
where tenant = %(tenant)s and subject = %(subject)s and snapshot -> 'unbilled' is not null
order by seq desc limit 1
"""

_DECIDED = """
select id, event_id from changes
where tenant = %(tenant)s and subject = %(subject)s and starts_with(event_id, %(occasion)s)
order by seq limit 1
"""

# Money that came for what was written off is income, and pays no other debt.
_DEBTS = """
select coalesce(s.about, s.settlement_id), s.customer_id, min(s.subject), s.currency,
  sum(s.minor)::bigint, (coalesce(sum(s.minor) filter (where s.entry_id is not null), 0))::bigint,
  max(s.legal_entity), min(s.at) filter (where s.minor < 0),
  array_agg(s.settlement_id order by s.at, s.settlement_id)
from settlements s
where s.tenant = %(tenant)s and s.document_id is null and s.at >= %(since)s
  and (%(customer)s::text is null or s.customer_id = %(customer)s)
  and (s.kind in ('refund', 'dispute', 'dispute_won')
    or s.kind in ('payment', 'paid_elsewhere') and not exists (
      select from settlements off where off.tenant = s.tenant and off.document_id = s.about
        and off.kind = 'write_off'))
group by 1, s.customer_id, s.currency having sum(s.minor) < 0
order by min(s.at) filter (where s.minor < 0), 1
"""

# What the process before us has settled is not ours to enter.
_BALANCES = """
select apart.customer_id, apart.subject, apart.currency, apart.missing,
  (select (kept ->> 'minor')::bigint from accounts a, jsonb_array_elements(a.balance) kept
   where a.tenant = %(tenant)s and a.customer_id = apart.customer_id
     and kept ->> 'currency' = apart.currency),
  apart.since, apart.movements
from (
  select s.customer_id, min(s.subject) as subject, s.currency, min(s.at) as since,
    sum(case s.kind when 'balance' then -s.minor else s.minor end)::bigint as missing,
    array_agg(s.settlement_id order by s.at, s.settlement_id) as movements
  from settlements s
  left join documents d on d.tenant = s.tenant and d.document_id = coalesce(s.document_id, s.about)
  where s.tenant = %(tenant)s and s.entry_id is null and (s.kind in ('balance', 'goodwill')
      or s.kind = 'payment' and s.document_id is null and s.about is null)
    and s.at >= %(since)s and (%(customer)s::text is null or s.customer_id = %(customer)s)
    and not coalesce(d.state = 'before_cutover' and d.erp_document_id is null, false)
  group by s.customer_id, s.currency) apart
where apart.missing <> 0 order by apart.customer_id, apart.currency
"""


async def at_work(conn: Connection, tenant: str, subjects: Collection[str]) -> dict[str, str]:
    """The first change of each that is still to be made; subjects without one are left out."""
    found = await conn.execute(_AT_WORK, {"tenant": tenant, "subjects": list(subjects)})
    return dict(await found.fetchall())


async def left_out(conn: Connection, tenant: str, subjects: Collection[str]) -> dict[str, str]:
    """Why documents stay out of the ERP, by document, as the newest plan of their subject says."""
    found = await conn.execute(_LEFT_OUT, {"tenant": tenant, "subjects": list(subjects)})
    said: dict[str, str] = {}
    for (words,) in await found.fetchall():
        said |= _WORDS.validate_json(words)
    return said


async def pending(conn: Connection, tenant: str, subscription_id: str) -> Pending | None:
    """None before any change of the subscription was planned."""
    found = await conn.execute(_PENDING, {"tenant": tenant, "subject": subscription_id})
    row = await found.fetchone()
    if row is None:
        return None
    return Pending(Unbilled.model_validate_json(row[0]), problem=row[1], change_id=row[2])


async def decided(
    conn: Connection, tenant: str, subject: str, occasion: str
) -> tuple[str, str] | None:
    """(change, occasion) of the subject's first change of which the occasion begins so."""
    found = await conn.execute(
        _DECIDED, {"tenant": tenant, "subject": subject, "occasion": occasion}
    )
    return await found.fetchone()


async def debts(
    conn: Connection, tenant: str, *, since: datetime, customer_id: str | None = None
) -> tuple[Debt, ...]:
    """The oldest first; of movements from `since` on, the cutover."""
    found = await conn.execute(_DEBTS, {"tenant": tenant, "since": since, "customer": customer_id})
    return tuple(
        Debt(
            about=about,
            customer_id=customer,
            subject=subject,
            owed=Money(minor=-minor, currency=currency),
            entered=Money(minor=-entered, currency=currency),
            legal_entity=entity,
            since=at,
            movements=tuple(movements),
        )
        for about, customer, subject, currency, minor, entered, entity, at, movements in (
            await found.fetchall()
        )
    )


async def balances(
    conn: Connection, tenant: str, *, since: datetime, customer_id: str | None = None
) -> tuple[BalanceApart, ...]:
    """By customer and currency; of movements from `since` on, the cutover."""
    found = await conn.execute(
        _BALANCES, {"tenant": tenant, "since": since, "customer": customer_id}
    )
    return tuple(
        BalanceApart(
            customer_id=customer,
            subject=subject,
            missing=Money(minor=missing, currency=currency),
            balance=None if kept is None else Money(minor=kept, currency=currency),
            since=at,
            movements=tuple(movements),
        )
        for customer, subject, currency, missing, kept, at, movements in await found.fetchall()
    )
